/** `express-okta-session local-org`: starts a local org, prints its URL, and runs until a signal stops it. */
import { parseArgs } from 'node:util'
import {
  createLocalOrg,
  type EventHook,
  type LocalOrg,
  type LocalOrgOptions,
} from '../local-org/index.js'
import { isHostName } from '../local-org/org/host-names.js'
import { checkEventHook } from '../local-org/pushes/receivers.js'

const USAGE = `Usage: express-okta-session local-org [options]

Starts an Okta org on http://localhost, with users to sign in as. Ctrl-C stops it.

  --port N             the port to listen on (default: a free one)
  --host H             the address to listen on (default: loopback); needs --allow-hosts
  --engine E           identity (default) or classic
  --allow-hosts A,B    host names to accept besides localhost, 127.0.0.1 and [::1]
  --hook URL           an event hook of an app, to deliver events to
  --hook-secret S      the Authorization header of the hook's requests; required with --hook
  --json               print one line of JSON once it listens: url, apiToken, users, serviceApp
  --help               print this text
`

interface Command {
  readonly options: LocalOrgOptions
  readonly json: boolean
}

export async function runLocalOrg(args: readonly string[]): Promise<void> {
  let command: Command | 'help'
  try {
    command = parse(args)
  } catch (error) {
    fail(2, `${messageOf(error)}\n\n${USAGE}`)
    return
  }
  if (command === 'help') process.stdout.write(USAGE)
  else await start(command)
}

async function start({ options, json }: Command): Promise<void> {
  try {
    const org = await createLocalOrg(options)
    closeOnSignal(org)
    if (options.host !== undefined) warnOfHost(options.host)
    process.stdout.write(json ? `${JSON.stringify(toJson(org))}\n` : welcome(org))
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    fail(1, isTaken ? `Port ${options.port} is in use.\n` : `${messageOf(error)}\n`)
  }
}

function warnOfHost(host: string): void {
  process.stderr.write(
    `The org listens on ${host}: all clients that reach that address can sign in as any of its users. Use it on a private network only.\n`,
  )
}

function fail(exitCode: 1 | 2, text: string): void {
  process.stderr.write(text)
  process.exitCode = exitCode
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** @throws Error that says which argument is wrong. */
function parse(args: readonly string[]): Command | 'help' {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      host: { type: 'string' },
      port: { type: 'string' },
      engine: { type: 'string' },
      'allow-hosts': { type: 'string' },
      hook: { type: 'string' },
      'hook-secret': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  const { port, engine } = values
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) {
    throw new Error(`--port must be a whole number from 0 to 65535, not ${port}`)
  }
  if (engine !== undefined && engine !== 'identity' && engine !== 'classic') {
    throw new Error(`--engine must be identity or classic, not ${engine}`)
  }
  const allowedHosts = values['allow-hosts']?.split(',').map((name) => name.trim())
  const wrong = allowedHosts?.find((name) => !isHostName(name))
  if (wrong !== undefined) {
    throw new Error(
      `--allow-hosts must be host names without ports, separated by commas, not ${wrong}`,
    )
  }
  if (values.host !== undefined && allowedHosts === undefined) {
    throw new Error(
      `--host ${values.host} needs --allow-hosts: the names under which the org is reached, such as local-org`,
    )
  }
  const hook = hookOf(values.hook, values['hook-secret'])
  return {
    json: values.json,
    options: {
      ...(values.host !== undefined && { host: values.host }),
      ...(port !== undefined && { port: Number(port) }),
      ...(engine !== undefined && { engine }),
      ...(allowedHosts !== undefined && { allowedHosts }),
      ...(hook !== undefined && { eventHooks: [hook] }),
    },
  }
}

function hookOf(url: string | undefined, authorization: string | undefined): EventHook | undefined {
  if (url === undefined && authorization === undefined) return undefined
  if (url === undefined || authorization === undefined) {
    throw new Error('--hook and --hook-secret must be given together')
  }
  const hook = { url, authorization }
  checkEventHook(hook)
  return hook
}

function toJson(org: LocalOrg): object {
  const { url, apiToken, users } = org
  const { clientId, privateKey, keyId } = org.serviceApp
  return { url, apiToken, users, serviceApp: { clientId, privateKey, keyId } }
}

function welcome(org: LocalOrg): string {
  const users = org.users.map(({ login, password, mfa }) => {
    return `  ${login}  ${password}${mfa === undefined ? '' : '  and a passcode, shown on the page'}\n`
  })
  return `Local org at ${org.url} (${org.engine} engine)
Console:  ${org.url}/console

Users:
${users.join('')}
API token: ${org.apiToken}

Ctrl-C stops it.
`
}

function closeOnSignal(org: LocalOrg): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void org.close()
    })
  }
}
