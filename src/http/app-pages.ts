/** What the app's own `pages.texts` and `pages.render` make of a page. Neither can break the answer. */
import type { Log } from '../contracts.js'
import { printable } from '../options/group.js'
import type { CheckedPages } from '../options/options.js'
import type { AppRequest, GuardPage, PageTexts, RequestLike } from '../public-types.js'
import { once } from './misuse.js'
import { isThenable } from './reply.js'

export interface AppPages {
  /** The page with the texts that the app replaces. */
  translated(page: GuardPage, req: RequestLike): GuardPage
  /** The HTML of the app; undefined where the package's own page is sent. */
  rendered(page: GuardPage, req: RequestLike): string | undefined
}

type AppFunction = (page: GuardPage, req: AppRequest) => unknown

export function createAppPages(
  { texts, render }: Pick<CheckedPages, 'texts' | 'render'>,
  logger: Log | undefined,
): AppPages {
  const askForTexts = createAsk('texts', texts, logger)
  const askForHtml = createAsk('render', render, logger)

  return {
    translated: (page, req) =>
      askForTexts(page, req, (given) => withTexts(page, checkedTexts(given))) ?? page,
    rendered: (page, req) => askForHtml(page, req, checkedHtml),
  }
}

/**
 * Calls the app's function and `take` with what it gives. Undefined where there is no function, or where one
 * of the two throws, which is logged once.
 */
function createAsk(name: string, call: AppFunction | undefined, logger: Log | undefined) {
  const warn = once((fault: string) =>
    logger?.warn(
      'EOS139',
      `pages.${name} failed, and the page keeps what the package gives it. Later failures are not logged`,
      { fault },
    ),
  )
  return function ask<T>(
    page: GuardPage,
    req: RequestLike,
    take: (given: unknown) => T | undefined,
  ): T | undefined {
    if (call === undefined) return undefined
    try {
      // The cast is safe: the app declares the request that its own framework gives.
      const given = call(page, req as AppRequest)
      // A promise's rejection has no other reader.
      if (isThenable(given)) given.then(undefined, () => {})
      return take(given)
    } catch (error) {
      warn(textOfError(error))
      return undefined
    }
  }
}

function checkedHtml(given: unknown): string | undefined {
  if (given === false) return undefined
  if (typeof given === 'string' && given.trim() !== '') return given
  throw new TypeError(`it gave ${described(given)}; it must return the HTML of the page, or false`)
}

const TEXTS = ['lang', 'title', 'message', 'advice', 'waiting']

/** As HTML and RFC 5646 spell it. */
const LANGUAGE = /^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,8}$/

/** A copy, whose members have been checked. */
function checkedTexts(given: unknown): PageTexts {
  if (given === undefined) return {}
  if (!isRecord(given) || isThenable(given))
    throw new TypeError(
      `it gave ${described(given)}; it must return an object of texts, or undefined`,
    )
  const { links = {}, ...texts } = given
  if (!isRecord(links)) throw new TypeError(`links is ${described(links)}`)
  const other = Object.keys(texts).find((name) => !TEXTS.includes(name))
  if (other !== undefined)
    throw new TypeError(
      `${printable(other)} is no text of a page; known: ${TEXTS.join(', ')}, links`,
    )
  const checked = { ...checkedMembers('', texts), links: checkedMembers('links.', links) }
  if ('lang' in texts && !LANGUAGE.test(String(texts.lang ?? 'en')))
    throw new TypeError('lang must be a language tag, for example "de"')
  return checked
}

function checkedMembers(
  prefix: string,
  values: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string>> {
  const given = Object.entries(values).filter(([, text]) => text !== undefined)
  return Object.fromEntries(
    given.map(([name, text]) => {
      if (typeof text === 'string') return [name, text]
      throw new TypeError(`${prefix}${printable(name)} is ${described(text)}, not a text`)
    }),
  )
}

function withTexts(page: GuardPage, { links = {}, ...texts }: PageTexts): GuardPage {
  const replaced = page.links.map((link) =>
    Object.freeze({ ...link, text: links[link.kind] ?? link.text }),
  )
  return Object.freeze(Object.assign({ ...page, links: Object.freeze(replaced) }, texts))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** By its type alone: a page may hold what a user has written. */
function described(value: unknown): string {
  if (value === undefined || value === null || value === true) return String(value)
  if (value === '') return 'an empty text'
  if (Array.isArray(value)) return 'an array'
  if (isThenable(value)) return 'a promise'
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`
}

/** An app may throw anything, for example an object that has no text. */
function textOfError(error: unknown): string {
  try {
    return String(error)
  } catch {
    return `${described(error)} that cannot be written as text`
  }
}
