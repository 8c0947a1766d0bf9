/** The page of codes and the code agree: each has what the other has, and messages arrive with code and link. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import express from 'express'
import { type OktaSessionOptions, OktaUnavailableError } from 'express-okta-session'
import { redisStore } from 'express-okta-session/redis'
import pino from 'pino'
import request from 'supertest'
import ts from 'typescript'
import { describe, expect, it, test, vi } from 'vitest'
import winston from 'winston'
import { CODES, type FaultCode } from '../../src/codes.js'
import { isUnavailableCode } from '../../src/redis/refreshes.js'
import { api, startOkta, startParts } from '../front-door/door.js'
import { parse, thrownBy } from '../options/faults-of.js'
import { root } from './compile.js'

const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')
const LINK = 'express-okta-session/docs/errors.md'

interface Section {
  readonly anchor: string
  readonly text: string
}

const sections: readonly Section[] = page
  .split(/^#{3,4} (?=\S+$)/m)
  .slice(1)
  .map((part) => {
    const [anchor = '', ...lines] = part.split('\n')
    return { anchor, text: lines.join('\n').split(/^#{1,2} /m, 1)[0] ?? '' }
  })

/** The rest of the anchors that begin with this word, in the order of the page. */
function anchorsOf(kind: 'EOS' | 'unavailable' | 'problem' | 'reason'): readonly string[] {
  const start = kind === 'EOS' ? 'EOS' : `${kind}-`
  const anchors = sections.map(({ anchor }) => anchor).filter((anchor) => anchor.startsWith(start))
  return kind === 'EOS' ? anchors : anchors.map((anchor) => anchor.slice(start.length))
}

function textOf(anchor: string): string {
  return sections.find((section) => section.anchor === anchor)?.text ?? ''
}

/** The messages that a section shows, with values as `<>`. */
function messagesOn(anchor: string): readonly string[] {
  const [, block = ''] = /^```text\n(.*?)\n```$/ms.exec(textOf(anchor)) ?? []
  return block.split('\n').map(withoutValues)
}

const src = join(root, 'src')
/** The parsed files of src/ by their paths in it, without the local org and the table itself. */
const files = new Map(
  readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('local-org'))
    .map((name) => {
      const code = readFileSync(join(src, name), 'utf8')
      return [name, ts.createSourceFile(name, code, ts.ScriptTarget.ES2023, true)] as const
    }),
)

/** A code at its place of use, with the text beside it: the next argument of a call, or element of a list. */
interface Use {
  readonly code: string
  readonly text: string | undefined
  readonly level: 'warn' | 'info'
}

/** Texts without values. */
const literals = new Set<string>()
const uses: Use[] = []

for (const [name, file] of files) if (name !== 'codes.ts') visit(file)

function visit(node: ts.Node): void {
  if (ts.isStringLiteral(node)) literals.add(node.text)
  if (ts.isCallExpression(node)) collect(node.arguments, levelOf(node.expression))
  if (ts.isArrayLiteralExpression(node)) collect(node.elements, 'warn')
  ts.forEachChild(node, visit)
}

function collect(nodes: ts.NodeArray<ts.Expression>, level: Use['level']): void {
  nodes.forEach((node, at) => {
    const next = nodes[at + 1]
    if (ts.isStringLiteral(node) && /^EOS\d/.test(node.text))
      uses.push({ code: node.text, text: next && written(next), level })
  })
}

function levelOf(called: ts.Expression): Use['level'] {
  return ts.isPropertyAccessExpression(called) && called.name.text === 'info' ? 'info' : 'warn'
}

/** The text of an expression, with values as `<>`; undefined where it is no text. */
function written(node: ts.Expression): string | undefined {
  if (ts.isStringLiteralLike(node)) return withoutValues(node.text)
  if (ts.isNumericLiteral(node)) return node.text
  if (ts.isTemplateExpression(node)) {
    const spans = node.templateSpans.map(
      ({ expression, literal }) => (written(expression) ?? '<>') + literal.text,
    )
    return withoutValues([node.head.text, ...spans].join(''))
  }
  if (ts.isBinaryExpression(node)) {
    const [left, right] = [written(node.left), written(node.right)]
    return left === undefined || right === undefined ? undefined : left + right
  }
  return ts.isIdentifier(node) ? constant(node) : undefined
}

function withoutValues(text: string): string {
  return text.replace(/(<[a-z ]*>)+/g, '<>')
}

/** A constant of the same file. */
function constant(name: ts.Identifier): string | undefined {
  for (const statement of name.getSourceFile().statements)
    if (ts.isVariableStatement(statement))
      for (const { name: own, initializer } of statement.declarationList.declarations)
        if (own.getText() === name.text) return initializer && written(initializer)
  return undefined
}

/** The members of an exported union of texts. */
function union(file: string, name: string): readonly string[] {
  const found = files
    .get(file)
    ?.statements.find((each) => ts.isTypeAliasDeclaration(each) && each.name.text === name)
  const type = found !== undefined && ts.isTypeAliasDeclaration(found) ? found.type : undefined
  if (type === undefined || !ts.isUnionTypeNode(type)) throw new Error(`${name} is no union`)
  return type.types.map((each) => each.getText().slice(1, -1))
}

const codes = Object.keys(CODES)
const sorted = (names: readonly string[]) => names.toSorted()

describe('the page of codes', () => {
  it('the page has each code of the table once, in order, under its title', () => {
    expect(codes).toEqual(sorted(codes))
    expect(anchorsOf('EOS')).toEqual(codes)
    for (const [code, title] of Object.entries(CODES))
      expect(textOf(code)).toContain(`**${title}**`)
  })

  it('the page has each UnavailableCode once, as the type and the list have them', () => {
    const anchors = anchorsOf('unavailable')
    expect(anchors).toEqual(sorted(union('errors.ts', 'UnavailableCode')))
    expect(anchors.filter(isUnavailableCode)).toEqual(anchors)
  })

  it('the page has each code of a problem once, and the code answers each', () => {
    expect(anchorsOf('problem')).toEqual(sorted(union('codes.ts', 'ProblemCode')))
    expect(anchorsOf('problem').filter((code) => !literals.has(code))).toEqual([])
  })

  it('the page has each reason of a context without a session', () => {
    const reasons = ['AnonymousReason', 'IncompleteReason'].flatMap((type) =>
      union('public-types.ts', type),
    )
    expect(anchorsOf('reason')).toEqual(sorted(reasons))
  })

  it('each section says the cause and what to do', () => {
    for (const { anchor, text } of sections.filter(({ anchor }) => !anchor.startsWith('Okta'))) {
      expect(text, anchor).toMatch(/(^|\. |, )Cause: \S/m)
      expect(text, anchor).toMatch(/^What to do: \S/m)
    }
  })

  it('each link on the page leads to a section', () => {
    const anchors = sections.map(({ anchor }) => anchor.toLowerCase())
    const links = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, link = '']) => link)
    expect(links.length).toBeGreaterThan(20)
    expect(links.filter((link) => !anchors.includes(link))).toEqual([])
  })

  it('the npm package contains the page', () => {
    const manifest: { files: string[] } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    )
    expect(manifest.files).toContain('docs/errors.md')
  })
})

describe('the code', () => {
  it('the code uses each code of the table', () => {
    expect(codes.filter((code) => !literals.has(code))).toEqual([])
  })

  test.each(codes.filter((code) => !code.startsWith('EOS2')))(
    'the messages of %s are those on the page',
    (code) => {
      const own = uses.filter((use) => use.code === code)
      expect(sorted(own.map(({ text }) => text ?? 'no text'))).toEqual(sorted(messagesOn(code)))
      if (!code.startsWith('EOS1')) return
      for (const { level } of own) expect(textOf(code)).toContain(`** (${level})`)
    },
  )

  it('the explanations of an OktaUnavailableError are those on the page', () => {
    const source = readFileSync(join(src, 'okta/call-error.ts'), 'utf8')
    const [, table = ''] = /EXPLANATIONS: .*?= \{\n(.*?)\n\}/s.exec(source) ?? []
    const explained = new Map(
      [...table.matchAll(/^ {2}(\w+): '(.+)',$/gm)].map(([, code = '', why = '']) => [code, why]),
    )
    expect(explained.size).toBeGreaterThan(15)
    for (const code of anchorsOf('unavailable')) {
      const [, why] = /^Why: (.+)\.$/m.exec(textOf(`unavailable-${code}`)) ?? []
      expect(why, code).toBe(explained.get(code))
    }
  })
})

/** For each kind of fault, options that have it alone. */
const faulty: Readonly<Record<FaultCode, () => unknown>> = {
  EOS201: () => parse({ orgUrl, unknownThing: 1 }),
  EOS202: () => parse({ orgUrl, orgurl: orgUrl }),
  EOS203: () => parse({ orgUrl, allowNonBrowserClients: 'yes' }),
  EOS204: () => parse({ orgUrl, cache: { ttlMs: -1 } }),
  EOS205: () => parse({}),
  EOS206: () => parse({ orgUrl: 'http://id.example.com' }),
  EOS207: () => parse({ orgUrl, cache: { maxTtlMs: 1_000 } }),
  EOS208: () => parse({ orgUrl, appUrl: 'app.example.com' }),
  EOS209: () => parse({ orgUrl, secret: 'short' }),
  EOS210: () => parse({ orgUrl, property: 'session' }),
  EOS211: () => startOkta({ orgUrl }).requireSession({ mfa: undefined } as object),
}
const orgUrl = 'https://id.example.com'

describe('a fault', () => {
  test.each(Object.entries(faulty))(
    'a fault %s is the line on the page, with the link',
    (code, act) => {
      const { message } = thrownBy(act) as Error
      const [, line = '', end, ...more] = message.split('\n')
      const [shown = ''] = messagesOn(code)
      const parts = shown.split('<>').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      expect(line.trim()).toMatch(new RegExp(`^${parts.join('.+')}$`))
      expect([end, ...more]).toEqual([`See ${LINK}#${code.toLowerCase()}`])
    },
  )

  it('faults of several kinds have their codes and the link of the page', () => {
    const { message } = thrownBy(() => parse({ secret: 'short', cache: { ttlMs: 'x' } })) as Error
    expect(message.match(/\(EOS\d+\)$/gm)?.toSorted()).toEqual(['(EOS203)', '(EOS205)', '(EOS209)'])
    expect(message.endsWith(`\nSee ${LINK}`)).toBe(true)
  })

  it('a fault of redisStore() and of a handler has its code', () => {
    expect(() => redisStore({ client: {}, size: 1 } as object)).toThrow(
      /no such option.*\(EOS201\)/,
    )
    expect(() => startOkta({ orgUrl }).refresh({ everyMs: -1 })).toThrow(/\(EOS204\)/)
  })
})

/** What a logger got while Okta failed, and while a page of another site posted. */
async function failing(logger: NonNullable<OktaSessionOptions['logger']>): Promise<void> {
  const { org, okta } = await startParts({ okta: { logger } })
  const app = express()
  app.post('/logout', okta.logout())
  app.get('/', okta.requireSession(), (_req, res) => void res.end())
  org.fail({ kind: 'status', status: 503 })
  await request(app)
    .get('/')
    .set({ ...api, Cookie: 'idx=somebody' })
    .expect(503)
  await request(app)
    .post('/logout')
    .set({ ...api, Origin: 'https://evil.example' })
    .expect(403)
}

const expected = ['EOS101', 'EOS133'].map((code) => ({
  event: code,
  end: ` (${code}: ${LINK}#${code.toLowerCase()})`,
}))

/** The event and the end of each message. */
function endsOf(lines: readonly (readonly [message: unknown, fields: unknown])[]) {
  return lines.map(([message, fields]) => ({
    event: Reflect.get(Object(fields), 'event'),
    end: / \(EOS\d+: \S+\)$/.exec(String(message))?.[0],
  }))
}

/** A stream that keeps the JSON lines written to it. */
function sink() {
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).trim().split('\n')) lines.push(JSON.parse(line))
      done()
    },
  })
  return { lines, stream }
}

describe('a log line', () => {
  it('a log line of a plain logger ends with code and link, and has the code as `event`', async () => {
    const warn = vi.fn()
    await failing({ warn })
    expect(endsOf(warn.mock.calls.map(([message, fields]) => [message, fields]))).toEqual(expected)
  })

  it('a log line of pino has code and link', async () => {
    const { lines, stream } = sink()
    await failing(pino({}, stream))
    expect(endsOf(lines.map((line) => [line.msg, line]))).toEqual(expected)
  })

  it('a log line of winston has code and link', async () => {
    const { lines, stream } = sink()
    await failing(winston.createLogger({ transports: [new winston.transports.Stream({ stream })] }))
    expect(endsOf(lines.map((line) => [line.message, line]))).toEqual(expected)
  })

  it('a log line of the console has code and link in its one text', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    await failing(console)
    const texts = warn.mock.calls.map(([text]) => String(text))
    vi.restoreAllMocks()
    expect(texts).toHaveLength(expected.length)
    for (const [at, { event, end }] of expected.entries()) {
      expect(texts[at]).toContain(`${end} {`)
      expect(texts[at]).toContain(`event: '${event}'`)
    }
  })
})

describe('an answer', () => {
  it('an answer to a mistake of a developer has the link in `detail`, and one to a user has none', async () => {
    const { okta } = await startParts()
    const app = express()
    app.post('/logout', okta.logout())
    app.get('/', okta.requireSession(), (_req, res) => void res.end())
    const refused = await request(app)
      .post('/logout')
      .set({ ...api, Origin: 'https://evil.example' })
    expect(refused.body).toMatchObject({ status: 403, code: 'cross_site' })
    expect(refused.body.detail.endsWith(` (${LINK}#problem-cross_site)`)).toBe(true)
    const anonymous = await request(app).get('/').set(api).expect(401)
    expect(anonymous.text).not.toContain('errors.md')
  })
})

describe('an error', () => {
  it('an OktaUnavailableError ends with the link of its code', async () => {
    const { org, okta } = await startParts()
    org.fail({ kind: 'html' })
    const error = await okta.api
      .getCurrentSession('idx=somebody')
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OktaUnavailableError)
    expect(error).toMatchObject({
      code: 'content_type',
      message: `getCurrentSession: no usable answer from Okta: content_type (a body that is not JSON) (${LINK}#unavailable-content_type)`,
    })
  })

  it('an OktaApiError keeps its message', async () => {
    const { okta } = await startParts()
    await expect(okta.api.getCurrentSession('idx=somebody')).rejects.toThrow(
      /^getCurrentSession: 404 E0000007 (?!.*errors\.md)/,
    )
  })

  it('a TypeError of a misuse ends with its code and the link', async () => {
    const { okta } = await startParts()
    expect(() => okta.session({ headers: {} } as never)).toThrow(
      new RegExp(` \\(EOS304: ${LINK}#eos304\\)$`),
    )
    await expect(okta.forget({} as never)).rejects.toThrow(`(EOS307: ${LINK}#eos307)`)
  })
})
