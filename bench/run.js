/** Runs one benchmark in a child process of main.js, and sends its report to the parent. */
import { benchmarks } from './benchmarks.js'

const [name = '', size] = process.argv.slice(2)
const benchmark = benchmarks.find((candidate) => candidate.name === name)
if (benchmark === undefined || process.send === undefined)
  throw new Error('Run this with npm run bench')
const { run } = await benchmark.load()
process.send(await run({ tiny: size === 'tiny' }))
process.disconnect()
