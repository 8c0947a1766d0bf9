/** Whether an answer is one the document knows for an operation: a complaint for each thing that is not as it says. */
import { complaintsAbout, type Operation, type ResponseItem } from './openapi-document.js'
import type { HeaderLine, SentResponse } from './recorded-org.js'

export function judgeResponse(operation: Operation, answer: SentResponse): readonly string[] {
  const { operationId, responses } = operation
  const described = responses[String(answer.status)]
  if (described === undefined) return [`${operationId} has no answer ${answer.status}`]
  return [
    ...judgeBody(described, answer),
    ...judgeDescribedHeaders(described, answer.headers),
    ...judgeOtherHeaders(described, answer.headers),
  ]
}

function judgeBody({ content }: ResponseItem, { headers, body }: SentResponse): string[] {
  const [type] = valuesOf(headers, 'content-type')
  if (content === undefined)
    return body === '' && type === undefined ? [] : ['a body where there is none']
  const schema = type === undefined ? undefined : content[type]?.schema
  if (schema === undefined) return [`a body of type ${type}`]
  try {
    return complaintsAbout(schema, JSON.parse(body), 'body')
  } catch {
    // The parser's message says nothing more.
    return ['a body that is not JSON']
  }
}

function judgeDescribedHeaders(described: ResponseItem, headers: readonly HeaderLine[]): string[] {
  return Object.entries(described.headers).flatMap(([name, { required, schema }]) => {
    const values = valuesOf(headers, name)
    if (values.length === 0) return required === true ? [`no header ${name}`] : []
    if (schema.type === 'array') return complaintsAbout(schema, values, `header ${name}`)
    if (values.length > 1) return [`header ${name}, more than once`]
    return complaintsAbout(schema, read(schema.type, values[0] ?? ''), `header ${name}`)
  })
}

/** Headers are text; a number must look like one. */
function read(type: string | undefined, value: string): unknown {
  return type === 'integer' && /^\d+$/.test(value) ? Number(value) : value
}

/** What HTTP itself brings along. */
const OF_HTTP = ['date', 'connection', 'keep-alive', 'content-type', 'content-length']

function judgeOtherHeaders(described: ResponseItem, headers: readonly HeaderLine[]): string[] {
  const names = headers.map(([name]) => name)
  const others = names.filter((name) => !Object.hasOwn(described.headers, name))
  const [date = ''] = valuesOf(headers, 'date')
  return [
    ...others
      .filter((name) => !OF_HTTP.includes(name))
      .map((name) => `header ${name}, which is not described`),
    ...others
      .filter((name, at) => others.indexOf(name) !== at)
      .map((name) => `header ${name}, more than once`),
    // A client that waits until a reset needs the clock of the answer.
    ...(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/.test(date) ? [] : ['no Date']),
  ]
}

function valuesOf(headers: readonly HeaderLine[], name: string): readonly string[] {
  return headers.filter(([its]) => its === name).map(([, value]) => value)
}
