/** What the app's own `pages.texts` and `pages.render` make of a page. Neither can break the answer. */
import type { Logger } from '../contracts.js'
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
  logger: Logger | undefined,
): AppPages {
  const askForTexts = createAsk('texts', texts, logger)
  const askForHtml = createAsk('render', render, logger)

  return {
    translated(page, req) {
      const given = askForTexts(page, req, (value) =>
        value === undefined ? undefined : faultOfTexts(value),
      )
      // The cast is safe: each member has been checked.
      return given === undefined ? page : withTexts(page, given as PageTexts)
    },
    rendered(page, req) {
      const given = askForHtml(page, req, (value) =>
        value === false || (typeof value === 'string' && value.trim() !== '')
          ? undefined
          : `it gave ${described(value)}; it must return the HTML of the page, or false`,
      )
      return typeof given === 'string' ? given : undefined
    },
  }
}

/** Calls the app's function; undefined where there is none, or where it is at fault, which is logged once. */
function createAsk(name: string, call: AppFunction | undefined, logger: Logger | undefined) {
  const warn = once((fault: string) =>
    logger?.warn(
      `pages.${name} failed, and the package's own page is sent: ${fault}. Later failures are not logged`,
    ),
  )
  return function ask(
    page: GuardPage,
    req: RequestLike,
    faultOf: (value: unknown) => string | undefined,
  ): unknown {
    if (call === undefined) return undefined
    try {
      // The cast is safe: the app declares the request that its own framework gives.
      const value = call(page, req as AppRequest)
      const fault = faultOf(value)
      if (fault === undefined) return value
      // A promise's rejection has no other reader.
      if (isThenable(value)) value.then(undefined, () => {})
      warn(fault)
    } catch (error) {
      warn(String(error))
    }
    return undefined
  }
}

const TEXTS = ['lang', 'title', 'message', 'advice', 'waiting']

/** As HTML and RFC 5646 spell it. */
const LANGUAGE = /^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,8}$/

function faultOfTexts(value: unknown): string | undefined {
  if (!isRecord(value) || isThenable(value))
    return `it gave ${described(value)}; it must return an object of texts, or undefined`
  const { links = {}, ...texts } = value
  const faults = Object.entries(texts).flatMap(([name, text]) =>
    TEXTS.includes(name) ? faultOfText(name, text) : `${name} is no text of a page`,
  )
  if (texts.lang !== undefined && !LANGUAGE.test(String(texts.lang)))
    faults.push('lang must be a language tag such as "de"')
  if (!isRecord(links)) faults.push(`links is ${described(links)}`)
  else
    faults.push(
      ...Object.entries(links).flatMap(([kind, text]) => faultOfText(`links.${kind}`, text)),
    )
  return faults.length === 0 ? undefined : faults.join(', ')
}

function faultOfText(name: string, text: unknown): string[] {
  return text === undefined || typeof text === 'string' ? [] : [`${name} is ${described(text)}`]
}

function withTexts(page: GuardPage, { links = {}, ...texts }: PageTexts): GuardPage {
  const given = Object.entries(texts).filter(([, text]) => text !== undefined)
  return Object.freeze({
    ...page,
    ...Object.fromEntries(given),
    links: Object.freeze(
      page.links.map((link) => Object.freeze({ ...link, text: links[link.kind] ?? link.text })),
    ),
  })
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
