/** Parses options as a JavaScript app may write them, whatever the types say, and reads the faults it is told. */
import { expect } from 'vitest'
import type { OktaSessionOptions, SessionApiOptions } from '../../src/options/options.js'
import { parseApiOptions, parseOptions } from '../../src/options/parse-options.js'

type Environment = Readonly<Record<string, string | undefined>>

export const parse = (options: unknown, env: Environment = {}) =>
  parseOptions(options as OktaSessionOptions | undefined, env)

export const parseApi = (options: unknown, env: Environment = {}) =>
  parseApiOptions(options as SessionApiOptions | undefined, env)

/** The fault lines of oktaSession()'s options. */
export function faultsOf(options: unknown, env: Environment = {}): readonly string[] {
  return linesOf(thrownBy(() => parse(options, env)))
}

/** The lines of the faults, without their codes and the link, which test/docs/errors.test.ts compares with the page. */
export function linesOf(error: unknown): readonly string[] {
  expect(error).toBeInstanceOf(TypeError)
  const [, ...lines] = error instanceof Error ? error.message.split('\n') : []
  expect(lines.pop()).toMatch(/^See express-okta-session\/docs\/errors\.md(#eos2\d\d)?$/)
  return lines.map((line) => line.trim().replace(/ \(EOS2\d\d\)$/, ''))
}

export function thrownBy(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
