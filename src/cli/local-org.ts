/** `express-okta-session local-org`: starts a local org and says where it is, until it is told to stop. */
import { parseArgs } from 'node:util'
import { createLocalOrg, type LocalOrg, type LocalOrgOptions } from '../local-org/index.js'

const USAGE = `Usage: express-okta-session local-org [--port N] [--engine identity|classic] [--json]

Starts an Okta org on http://localhost, with users to sign in as. Ctrl-C stops it.

  --port N      the port to listen on (default: a free one)
  --engine E    identity (default) or classic
  --json        print one line of JSON once it listens: url, apiToken, users
  --help        this text
`

interface Command {
  readonly options: LocalOrgOptions
  readonly json: boolean
}

export async function runLocalOrg(args: readonly string[]): Promise<void> {
  let org: LocalOrg
  let command: Command | 'help'
  try {
    command = parse(args)
    if (command === 'help') {
      process.stdout.write(USAGE)
      return
    }
    org = await createLocalOrg(command.options)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    process.exitCode = 2
    return
  }
  process.stdout.write(command.json ? `${JSON.stringify(toJson(org))}\n` : welcome(org))
  closeOnSignal(org)
}

/** @throws Error that says which argument is wrong. */
function parse(args: readonly string[]): Command | 'help' {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      port: { type: 'string' },
      engine: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  const { port, engine } = values
  if (port !== undefined && !/^\d{1,5}$/.test(port)) {
    throw new Error(`--port must be a whole number from 0 to 65535, not ${port}`)
  }
  if (engine !== undefined && engine !== 'identity' && engine !== 'classic') {
    throw new Error(`--engine must be identity or classic, not ${engine}`)
  }
  return {
    json: values.json,
    options: {
      ...(port !== undefined && { port: Number(port) }),
      ...(engine !== undefined && { engine }),
    },
  }
}

function toJson(org: LocalOrg): object {
  const { url, apiToken, users } = org
  return { url, apiToken, users }
}

function welcome(org: LocalOrg): string {
  const users = org.users.map((user) => `  ${user.login}  ${user.password}\n`).join('')
  return `Local org at ${org.url} (${org.engine} engine)\n\nUsers:\n${users}
API token: ${org.apiToken}\n\nCtrl-C stops it.\n`
}

function closeOnSignal(org: LocalOrg): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void org.close()
    })
  }
}
