/** `express-okta-session doctor`: checks what sessions need, prints the findings, and tells the exit status. */
import { type DoctorCommand, parseCommand, USAGE } from './command.js'
import { toJson, toText } from './print.js'
import { runChecks, type Surroundings } from './run.js'

/** What the command uses besides its arguments; tests bring their own. */
export interface DoctorSurroundings extends Surroundings {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

const TIMEOUT_MS = 5_000

const here = (): DoctorSurroundings => ({
  env: process.env,
  cwd: process.cwd(),
  timeoutMs: TIMEOUT_MS,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
})

/** Resolves with the exit status: 0 without faults, 1 with faults, 2 for wrong usage. */
export async function runDoctor(
  args: readonly string[],
  surroundings: DoctorSurroundings = here(),
): Promise<0 | 1 | 2> {
  const { env, out, err } = surroundings
  let command: DoctorCommand | 'help'
  try {
    command = parseCommand(args, env)
  } catch (error) {
    err(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    return 2
  }
  if (command === 'help') {
    out(USAGE)
    return 0
  }
  const report = await runChecks(command, surroundings)
  out(command.json ? toJson(command, report) : toText(command, report))
  return report.findings.some(({ level }) => level === 'fault') ? 1 : 0
}
