/** The document itself: before it judges anybody it has to be sound. */
import { describe, expect, it } from 'vitest'
import {
  checkDocument,
  complaintsAbout,
  type HeaderItem,
  operationsOf,
  readDocument,
} from './openapi-document.js'

const text = JSON.stringify(readDocument())
const document = checkDocument(readDocument())
const operations = operationsOf(document)

/** The document with one piece of its text replaced. */
function changed(from: string, to: string): unknown {
  expect(text.split(from).length, from).toBeGreaterThan(1)
  return JSON.parse(text.replace(from, to))
}

describe('the OpenAPI document', () => {
  it('the OpenAPI document describes the seven operations and the token request', () => {
    expect(operations.map(({ operationId }) => operationId).sort()).toEqual([
      'closeCurrentSession',
      'createSession',
      'getCurrentSession',
      'getSession',
      'refreshCurrentSession',
      'refreshSession',
      'requestToken',
      'revokeSession',
    ])
  })

  it('the OpenAPI document declares every parameter its paths name, and no other', () => {
    for (const { template, parameters } of operations) {
      const named = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = parameters.filter((each) => each.in === 'path').map(({ name }) => name)
      expect(declared).toEqual(named)
    }
  })

  it('the OpenAPI document names no security scheme and no scope it does not define', () => {
    const { securitySchemes } = document.components
    for (const { security } of operations)
      for (const [name, scopes] of security.flatMap((each) => Object.entries(each))) {
        expect(securitySchemes).toHaveProperty(name)
        const scheme = JSON.stringify(securitySchemes[name])
        for (const scope of scopes) expect(scheme).toContain(`"${scope}"`)
      }
  })

  it('every schema of the OpenAPI document compiles', () => {
    for (const { parameters, requestBody, responses } of operations) {
      const answers = Object.values(responses)
      const schemas = [
        ...parameters,
        ...Object.values(requestBody?.content ?? {}),
        ...answers.flatMap(({ headers }): readonly HeaderItem[] => Object.values(headers)),
        ...answers.flatMap(({ content = {} }) => Object.values(content)),
      ]
      for (const { schema } of schemas) expect(() => complaintsAbout(schema, 0, '')).not.toThrow()
    }
  })

  it('the OpenAPI document uses all of its components', () => {
    const { components }: { components: Record<string, object> } = JSON.parse(text)
    const names = Object.entries(components).flatMap(([kind, each]) =>
      Object.keys(each).map((name) => [kind, name] as const),
    )
    const unused = names.filter(([kind, name]) =>
      kind === 'securitySchemes'
        ? !text.includes(`{"${name}":[`)
        : !text.includes(`"#/components/${kind}/${name}"`),
    )
    expect(unused).toEqual([])
  })
})

describe('a document that is none', () => {
  it.each([
    ['another version', '"openapi":"3.0.3"', '"openapi":"3.1.0"'],
    ['a reference to nothing', '#/components/schemas/CurrentSession', '#/components/schemas/None'],
    ['a type that does not exist', '"type":"boolean"', '"type":"bool"'],
    ['a misspelt keyword', '"minLength"', '"minLenght"'],
    ['a pattern that is none', '"pattern":"^E\\\\d{7}$"', '"pattern":"^E(\\\\d{7}$"'],
    ['a path without its slash', '"/api/v1/sessions/me"', '"api/v1/sessions/me"'],
    [
      'an optional path parameter',
      '"required":true,"description":"The external',
      '"description":"The external',
    ],
    ['an operation without a name', '"operationId":"getSession",', ''],
    ['a body that is not needed', '"requestBody":{"required":true,', '"requestBody":{'],
    ['an answer for a status that is none', '"204":', '"2O4":'],
    ['a header in two cases', '"cache-control"', '"Cache-Control"'],
    ['a scheme in the query', '"type":"apiKey","in":"header"', '"type":"apiKey","in":"query"'],
  ])('a broken OpenAPI document is refused: %s', (_what, from, to) => {
    expect(() => checkDocument(changed(from, to))).toThrow(/no OpenAPI document|nothing stands at/)
  })
})
