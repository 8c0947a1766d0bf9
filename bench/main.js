/** `npm run bench [-- name... --json --tiny]`: runs each benchmark in a process of its own and prints its report. */
import { fork } from 'node:child_process'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { benchmarks } from './benchmarks.js'
import { table } from './harness/report.js'
import { versions } from './harness/versions.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, tiny: { type: 'boolean' } },
})
const names = benchmarks.map(({ name }) => name)
const unknown = positionals.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`Unknown benchmark: ${unknown.join(', ')}. The benchmarks are: ${names.join(', ')}`)
  process.exit(1)
}

const about = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
  versions: versions(),
}
/** @type {Record<string, import('./harness/report.js').Report>} */
const reports = {}
if (!values.json)
  console.log(
    [`${about.date}, ${about.machine}`, ...Object.entries(about.versions).map((v) => v.join(' '))]
      .join(', ')
      .concat('\n'),
  )
for (const name of positionals.length > 0 ? positionals : names) {
  const report = await reportOf(name)
  reports[name] = report
  if (!values.json) console.log(`${table(report)}\n`)
}
if (values.json) console.log(JSON.stringify({ ...about, reports }, null, 2))

/**
 * Runs a benchmark in a child process. Its flags make garbage collections run on the measured thread, so
 * that their time is counted, and rarely within a batch.
 * @param {string} name
 * @returns {Promise<import('./harness/report.js').Report>}
 */
function reportOf(name) {
  return new Promise((resolve, reject) => {
    const child = fork(
      fileURLToPath(new URL('run.js', import.meta.url)),
      [name, values.tiny ? 'tiny' : 'full'],
      { execArgv: ['--expose-gc', '--single-threaded-gc', '--min-semi-space-size=16'] },
    )
    child.once('message', (report) => {
      resolve(/** @type {import('./harness/report.js').Report} */ (report))
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the benchmark ${name} ended with ${code}`)))
  })
}
