/** Whether a request is one the document knows: a complaint for each thing that is not as it says. */
import {
  type Content,
  complaintsAbout,
  type OpenApiDocument,
  type Operation,
  operationsOf,
} from './openapi-document.js'
import type { HeaderLine, SentRequest } from './recorded-org.js'

/** The operation a request means, by method and path. */
export function operationOf(
  document: OpenApiDocument,
  { method, target }: Pick<SentRequest, 'method' | 'target'>,
): Operation | undefined {
  const [path = ''] = target.split('?')
  return operationsOf(document).find(
    ({ method: its, template }) => its === method && patternOf(template).test(path),
  )
}

export function judgeRequest(document: OpenApiDocument, request: SentRequest): readonly string[] {
  const operation = operationOf(document, request)
  if (operation === undefined) return [`no operation for ${request.method} ${request.target}`]
  return [
    ...judgeTarget(operation, request.target),
    ...judgeHeaders(operation, request.headers),
    ...judgeCookies(operation, request.headers),
    ...judgeAuthorization(document, operation, request.headers),
    ...judgeBody(operation, request),
  ]
}

const NAME = /\{(\w+)\}/g

function patternOf(template: string): RegExp {
  return new RegExp(`^${template.replaceAll(NAME, '(?<$1>[^/]+)')}$`)
}

function judgeTarget(operation: Operation, target: string): string[] {
  const [path = '', query] = target.split('?')
  const found = patternOf(operation.template).exec(path)?.groups ?? {}
  const complaints = parametersIn(operation, 'path').flatMap(({ name, schema }) =>
    complaintsAbout(schema, decodeURIComponent(found[name] ?? ''), `path ${name}`),
  )
  return query === undefined ? complaints : [...complaints, 'a query, which no operation has']
}

/** What HTTP itself brings along, and what the document describes elsewhere than among the headers. */
const OF_HTTP = ['host', 'connection', 'content-length', 'accept', 'accept-encoding']
const DESCRIBED_ELSEWHERE = ['content-type', 'cookie', 'authorization']

function judgeHeaders(operation: Operation, headers: readonly HeaderLine[]): string[] {
  const declared = parametersIn(operation, 'header')
  const isDeclared = (name: string) => declared.some((each) => each.name.toLowerCase() === name)
  const known = [...OF_HTTP, ...DESCRIBED_ELSEWHERE]
  const names = headers.map(([name]) => name)
  return [
    ...names
      .filter((name) => !known.includes(name) && !isDeclared(name))
      .map((name) => `header ${name}, which is not described`),
    ...names
      .filter((name, at) => names.indexOf(name) !== at)
      .map((name) => `header ${name}, more than once`),
    ...(headerValue(headers, 'accept')?.startsWith('application/json') === true
      ? []
      : ['no Accept for JSON']),
    ...declared.flatMap(({ name, schema }) => {
      const value = headerValue(headers, name.toLowerCase())
      return value === undefined ? [] : complaintsAbout(schema, value, `header ${name}`)
    }),
  ]
}

function judgeCookies(operation: Operation, headers: readonly HeaderLine[]): string[] {
  const line = headerValue(headers, 'cookie')
  if (line === undefined) return []
  const declared = parametersIn(operation, 'cookie')
  return line.split('; ').flatMap((pair) => {
    const [name = '', ...value] = pair.split('=')
    const parameter = declared.find((each) => each.name === name)
    if (parameter === undefined) return [`cookie ${name}, which is not described`]
    return complaintsAbout(parameter.schema, value.join('='), `cookie ${name}`)
  })
}

/** One of the alternatives must be met; no alternative means that nothing is shown. */
function judgeAuthorization(
  { components }: OpenApiDocument,
  { security }: Operation,
  headers: readonly HeaderLine[],
): string[] {
  const shown = headerValue(headers, 'authorization')
  const isMet = (names: readonly string[]) =>
    shown === undefined
      ? names.length === 0
      : names.some((name) =>
          new RegExp(components.securitySchemes[name]?.['x-pattern'] ?? '^$').test(shown),
        )
  const alternatives = security.length === 0 ? [{}] : security
  const met = alternatives.some((each) => isMet(Object.keys(each)))
  const isBound = shown?.startsWith('DPoP ') === true
  const hasProof = headerValue(headers, 'dpop') !== undefined
  return [
    ...(met ? [] : [`Authorization: ${shown?.split(' ')[0] ?? 'none'}, which does not do here`]),
    // RFC 9449, 7.1: a bound token never comes without its proof.
    ...(shown !== undefined && isBound !== hasProof
      ? ['a bound token and its proof go together']
      : []),
  ]
}

function judgeBody({ requestBody }: Operation, { headers, body }: SentRequest): string[] {
  const type = headerValue(headers, 'content-type')
  if (requestBody === undefined)
    return body === '' && type === undefined ? [] : ['a body, which this operation does not have']
  const schema = schemaFor(requestBody.content, type)
  if (schema === undefined) return [`a body of type ${type}`]
  const value =
    type === 'application/json' ? parse(body) : Object.fromEntries(new URLSearchParams(body))
  return complaintsAbout(schema, value, 'body')
}

function schemaFor(content: Content, type: string | undefined) {
  return type === undefined ? undefined : content[type]?.schema
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    // Not what any schema here allows.
    return undefined
  }
}

function parametersIn({ parameters }: Operation, place: 'path' | 'header' | 'cookie') {
  return parameters.filter((each) => each.in === place)
}

function headerValue(headers: readonly HeaderLine[], name: string): string | undefined {
  return headers.find(([its]) => its === name)?.[1]
}
