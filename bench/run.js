/** Runs one benchmark in this process, which was started for it alone, and hands its report to the parent. */
import { benchmarks } from './benchmarks.js'

const [name = '', size] = process.argv.slice(2)
const benchmark = benchmarks.find((candidate) => candidate.name === name)
if (benchmark === undefined || process.send === undefined)
  throw new Error('npm run bench starts this')
const { run } = await benchmark.load()
process.send(await run({ tiny: size === 'tiny' }))
process.disconnect()
