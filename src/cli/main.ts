#!/usr/bin/env node
/** The command line interface: runs the command that the first argument names. */
import { VERSION } from '../version.js'
import { runDoctor } from './doctor/doctor.js'
import { runLocalOrg } from './local-org.js'

const USAGE = `Usage: express-okta-session <command> [options]

Commands:
  doctor      checks Okta, the app, Redis and the event hook, and says what to do
  local-org   an Okta org on localhost, for development and tests

express-okta-session <command> --help prints its options, and
express-okta-session --version the version of the package.
`

const [command, ...rest] = process.argv.slice(2)
if (command === 'local-org') await runLocalOrg(rest)
else if (command === 'doctor') process.exitCode = await runDoctor(rest)
else if (command === '--version' || command === '-v') process.stdout.write(`${VERSION}\n`)
else if (command === '--help' || command === '-h') process.stdout.write(USAGE)
else {
  const problem =
    command === undefined ? 'A command is missing.' : `There is no command ${command}.`
  process.stderr.write(`${problem}\n\n${USAGE}`)
  process.exitCode = 2
}
