/** The OpenAPI document of this folder: read, checked for its own form, and laid out for the judges to look things up. */
import { readFileSync } from 'node:fs'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { documentForm } from './openapi-form.js'

export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: { readonly securitySchemes: Readonly<Record<string, SecurityScheme>> }
}

export interface PathItem {
  readonly parameters?: readonly Parameter[]
  readonly get?: OperationItem
  readonly post?: OperationItem
  readonly delete?: OperationItem
}

export interface OperationItem {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  /** Alternatives; each names the schemes that go together. */
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly responses: Readonly<Record<string, ResponseItem>>
}

export interface ResponseItem {
  readonly headers: Readonly<Record<string, HeaderItem>>
  readonly content?: Content
}

export type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>
export type JsonSchema = { readonly type?: string }

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'header' | 'cookie'
  readonly required?: boolean
  readonly schema: JsonSchema
}

export interface HeaderItem {
  readonly required?: boolean
  readonly schema: JsonSchema
}

export interface SecurityScheme {
  /** What the Authorization header looks like. */
  readonly 'x-pattern': string
}

/** One operation with everything that applies to it. */
export interface Operation extends OperationItem {
  readonly method: string
  /** With `{name}` for its parameters. */
  readonly template: string
  readonly parameters: readonly Parameter[]
}

const FILE = new URL('sessions.openapi.json', import.meta.url)

export function readDocument(): unknown {
  return JSON.parse(readFileSync(FILE, 'utf8'))
}

/** @throws Error that lists what is wrong with the document's form. */
export function checkDocument(document: unknown): OpenApiDocument {
  const resolved = resolveReferences(document, document)
  if (isDocument(resolved)) return resolved
  throw new Error(`no OpenAPI document: ${complaints(isDocument.errors).join('; ')}`)
}

/** Concrete paths before those with parameters, as OpenAPI has it. */
export function operationsOf({ paths }: OpenApiDocument): readonly Operation[] {
  const concreteFirst = Object.entries(paths).sort(
    ([a], [b]) => Number(a.includes('{')) - Number(b.includes('{')),
  )
  return concreteFirst.flatMap(([template, { parameters = [], ...byMethod }]) =>
    Object.entries(byMethod).map(([method, item]) => ({
      ...item,
      method: method.toUpperCase(),
      template,
      parameters: [...parameters, ...(item.parameters ?? [])],
    })),
  )
}

const ajv = new Ajv({ strict: true, strictRequired: false, allErrors: true })
addFormats.default(ajv)
const isDocument = ajv.compile<OpenApiDocument>(documentForm)
const compiled = new WeakMap<object, ValidateFunction>()

/** What is wrong with a value by a schema of the document; `where` begins each complaint. */
export function complaintsAbout(schema: JsonSchema, value: unknown, where: string): string[] {
  const validate = compiled.get(schema) ?? ajv.compile(schema)
  compiled.set(schema, validate)
  return validate(value) ? [] : complaints(validate.errors).map((text) => `${where}${text}`)
}

function complaints(errors: readonly ErrorObject[] | null | undefined): string[] {
  return (errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  )
}

/** A copy with every `$ref` replaced by what it names. */
function resolveReferences(value: unknown, document: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => resolveReferences(item, document))
  if (typeof value !== 'object' || value === null) return value
  if ('$ref' in value) return resolveReferences(lookUp(String(value.$ref), document), document)
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, resolveReferences(item, document)]),
  )
}

function lookUp(reference: string, document: unknown): unknown {
  const [root, ...names] = reference.split('/')
  let found: unknown = root === '#' ? document : undefined
  for (const name of names)
    found = typeof found === 'object' && found !== null ? Reflect.get(found, name) : undefined
  if (found === undefined) throw new Error(`nothing stands at ${reference}`)
  return found
}
