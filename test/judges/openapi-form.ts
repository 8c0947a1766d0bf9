/** The form of an OpenAPI 3.0 document, as a JSON Schema: as much of it as ours uses, and nothing besides. */
import type { SchemaObject } from 'ajv'

const text = { type: 'string', minLength: 1 } as const
const flag = { type: 'boolean' } as const

/** `x-` extensions are allowed everywhere, other unknown names nowhere. */
function record(required: readonly string[], properties: Readonly<Record<string, object>>) {
  return {
    type: 'object',
    required,
    properties,
    patternProperties: { '^x-': {} },
    additionalProperties: false,
  }
}

function mapOf(item: object, names: object = {}) {
  return { type: 'object', propertyNames: names, additionalProperties: item }
}

function listOf(item: object) {
  return { type: 'array', items: item }
}

const schemaRef = { $ref: '#/$defs/schema' }
const schema = {
  ...record([], {
    type: { enum: ['string', 'integer', 'boolean', 'array', 'object'] },
    description: text,
    format: { const: 'date-time' },
    pattern: { type: 'string', format: 'regex' },
    enum: { type: 'array', items: text, minItems: 1, uniqueItems: true },
    minLength: { type: 'integer' },
    maxLength: { type: 'integer' },
    minimum: { type: 'integer' },
    maximum: { type: 'integer' },
    minItems: { type: 'integer' },
    maxItems: { type: 'integer' },
    nullable: { const: true },
    items: schemaRef,
    properties: mapOf(schemaRef),
    required: { type: 'array', items: text, minItems: 1, uniqueItems: true },
    additionalProperties: { const: false },
    allOf: listOf(schemaRef),
  }),
  anyOf: [{ required: ['type'] }, { required: ['allOf'] }],
}

const content = { ...mapOf(record(['schema'], { schema: schemaRef })), minProperties: 1 }
const header = record(['schema'], { description: text, required: flag, schema: schemaRef })
const response = record(['description', 'headers'], {
  description: text,
  headers: mapOf(header, { type: 'string', pattern: '^[a-z-]+$' }),
  content,
})

const parameter = {
  ...record(['name', 'in', 'schema'], {
    name: text,
    in: { enum: ['path', 'header', 'cookie'] },
    description: text,
    required: flag,
    schema: schemaRef,
  }),
  // What is in the path is always there.
  anyOf: [
    { properties: { in: { enum: ['header', 'cookie'] } } },
    { required: ['required'], properties: { required: { const: true } } },
  ],
}

const operation = record(['operationId', 'summary', 'security', 'responses'], {
  operationId: { type: 'string', pattern: '^[a-z]+[A-Za-z]*$' },
  tags: listOf(text),
  summary: text,
  description: text,
  parameters: listOf(parameter),
  requestBody: record(['required', 'content'], { required: { const: true }, content }),
  security: listOf(mapOf(listOf(text))),
  responses: {
    ...mapOf(response, { type: 'string', pattern: '^[2-5]\\d\\d$' }),
    minProperties: 1,
  },
})

const flows = record(['clientCredentials'], {
  clientCredentials: record(['tokenUrl', 'scopes'], { tokenUrl: text, scopes: mapOf(text) }),
})
const pattern = { type: 'string', format: 'regex' }
const securityScheme = {
  type: 'object',
  required: ['type', 'x-pattern'],
  oneOf: [
    record(['type', 'in', 'name'], {
      type: { const: 'apiKey' },
      in: { const: 'header' },
      name: { const: 'Authorization' },
      description: text,
      'x-pattern': pattern,
    }),
    record(['type', 'flows'], {
      type: { const: 'oauth2' },
      description: text,
      flows,
      'x-pattern': pattern,
    }),
  ],
}

export const documentForm: SchemaObject = {
  ...record(['openapi', 'info', 'paths', 'components'], {
    openapi: { type: 'string', pattern: '^3\\.0\\.\\d$' },
    info: record(['title', 'version'], { title: text, version: text, description: text }),
    servers: listOf(record(['url'], { url: text })),
    tags: listOf(record(['name'], { name: text, description: text })),
    paths: mapOf(
      record([], {
        parameters: listOf(parameter),
        get: operation,
        post: operation,
        delete: operation,
      }),
      { type: 'string', pattern: '^/' },
    ),
    components: record(['securitySchemes'], {
      parameters: mapOf(parameter),
      headers: mapOf(header),
      responses: mapOf(response),
      schemas: mapOf(schemaRef),
      securitySchemes: mapOf(securityScheme),
    }),
  }),
  $defs: { schema },
}
