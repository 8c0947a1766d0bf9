import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createSessionCookies } from '../../src/http/cookies.js'
import { send } from '../../src/http/reply.js'
import type { OktaSessionOptions } from '../../src/options/options.js'
import { parseOptions } from '../../src/options/parse-options.js'

const now = Date.parse('2026-11-24T10:00:00Z')
const secret = 's'.repeat(32)
const signedEntry = { name: '__Host-okta', as: 'sid', signed: true } as const

const make = (options: OktaSessionOptions = {}) => {
  const settings = parseOptions({ orgUrl: 'https://id.example.com', ...options }, {})
  return { cookies: createSessionCookies(settings, () => now), entries: settings.cookies }
}

describe('begin', () => {
  it('begin sets the sign-in entry and clears every other session cookie', async () => {
    const { cookies } = make()
    expect(await setBy(cookies.begin(cookies.signInEntry(), '102abc'))).toEqual([
      'sid=102abc; Path=/; HttpOnly; Secure; SameSite=Lax',
      `idx=; ${expired('Secure; ')}`,
      `xids=; ${expired('Secure; ')}`,
    ])
  })

  it('begin leaves Secure out on http loopback', async () => {
    const { cookies } = make({ orgUrl: 'http://localhost:8080', cookies: ['sid'] })
    expect(cookies.secure).toBe(false)
    expect(await setBy(cookies.begin(cookies.signInEntry(), '102abc'))).toEqual([
      'sid=102abc; Path=/; HttpOnly; SameSite=Lax',
      `xids=; ${expired('')}`,
    ])
  })

  it('begin signs the value where the entry is signed, so that it opens again', async () => {
    const { cookies } = make({ cookies: [signedEntry, 'idx'], secret })
    const [line = ''] = await setBy(cookies.begin(cookies.signInEntry(), '102abc'))
    expect(line).toMatch(/^__Host-okta=[\w-]+\.[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    expect(cookies.open(line.slice('__Host-okta='.length, line.indexOf(';')))).toBe('102abc')
  })
})

describe('canHold', () => {
  it('canHold requires what a browser keeps: name and value within 4,096 octets', () => {
    const plain = make().cookies
    expect(plain.canHold('a'.repeat(4093))).toBe(true)
    expect(plain.canHold('a'.repeat(4094))).toBe(false)
    const signed = make({ cookies: [signedEntry], secret }).cookies
    expect(signed.canHold('a'.repeat(3030))).toBe(true)
    expect(signed.canHold('a'.repeat(3040))).toBe(false)
  })

  it('canHold requires a cookie value', () => {
    for (const value of ['', 'a b', 'a;b', 'a%3B', '"a"', 'a\r\nb', 'é'])
      expect(make().cookies.canHold(value)).toBe(false)
  })
})

describe('signInEntry', () => {
  it('signInEntry is the first entry that is read as sid', () => {
    const { cookies } = make({ cookies: ['idx', { name: 'app', as: 'sid' }, 'sid'] })
    expect(cookies.signInEntry().name).toBe('app')
  })

  it('signInEntry throws where no entry is read as sid', () => {
    expect(() => make({ cookies: ['idx'] }).cookies.signInEntry()).toThrow(/add "sid"/)
  })
})

describe('expireAll', () => {
  it('expireAll clears every configured cookie and xids', async () => {
    const { cookies } = make({ cookies: ['idx', signedEntry], secret })
    const lines = await setBy(cookies.expireAll())
    expect(lines).toEqual(
      ['idx', '__Host-okta', 'xids'].map((name) => `${name}=; ${expired('Secure; ')}`),
    )
  })
})

describe('relay', () => {
  const relayed = (
    { cookies, entries }: ReturnType<typeof make>,
    index: number,
    lines: string[],
  ) => {
    const entry = entries[index]
    if (entry === undefined) throw new Error('no such entry')
    return setBy(cookies.relay(entry, lines))
  }

  it('relay writes Okta’s cookies with the package’s attributes and Okta’s lifetime', async () => {
    const lines = ['sid=a; Max-Age=60; Domain=example.com; SameSite=None', 'xids=b', 'JSESSIONID=c']
    expect(await relayed(make(), 1, lines)).toEqual([
      'sid=a; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax',
      'xids=b; Path=/; HttpOnly; Secure; SameSite=Lax',
    ])
  })

  it('relay uses the configured name, signed where the entry is', async () => {
    const made = make({ cookies: [signedEntry], secret })
    const [line = '', ...more] = await relayed(made, 0, ['sid=102new; Path=/', 'idx=eyJ'])
    expect(more).toEqual([])
    expect(made.cookies.open(line.slice('__Host-okta='.length, line.indexOf(';')))).toBe('102new')
  })

  it('relay prefers the entry the request was identified by', async () => {
    const made = make({ cookies: ['sid', { name: 'app', as: 'sid' }] })
    expect(await relayed(made, 1, ['sid=a'])).toEqual([expect.stringMatching(/^app=a;/)])
    expect(await relayed(make(), 0, ['sid=a'])).toEqual([expect.stringMatching(/^sid=a;/)])
  })

  it('relay sets nothing when Okta deletes a cookie beside a good answer', async () => {
    const lines = ['sid=""; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/', 'xids=""; Max-Age=0']
    expect(await relayed(make(), 1, lines)).toEqual([])
  })

  it('relay sets nothing a browser would drop', async () => {
    const made = make({ cookies: [signedEntry], secret })
    expect(await relayed(made, 0, [`sid=${'a'.repeat(4000)}`])).toEqual([])
  })
})

it('session cookies keep the app’s own cookies', async () => {
  const { cookies } = make({ cookies: ['sid'] })
  const lines = await setBy(cookies.expireAll(), 'theme=dark')
  expect(lines.map((line) => line.split('=')[0])).toEqual(['theme', 'sid', 'xids'])
})

function expired(secure: string): string {
  return `Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; ${secure}SameSite=Lax`
}

/** The Set-Cookie lines that reach a client. */
async function setBy(lines: readonly string[], own?: string): Promise<string[]> {
  const server = createServer((_req, res: ServerResponse) => {
    if (own !== undefined) res.setHeader('Set-Cookie', own)
    send(res, { status: 204, headers: { 'set-cookie': lines }, body: '' })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  try {
    const { port } = server.address() as AddressInfo
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
    return answer.headers.getSetCookie()
  } finally {
    server.close()
  }
}
