/** The HTML pages that guards and handlers send to browsers. They load no script, style, image or font. */
import { createHash } from 'node:crypto'
import type { Log } from '../contracts.js'
import type { Settings } from '../options/options.js'
import type { GuardPage, PageLink, PageLinkKind, Reply, RequestLike } from '../public-types.js'
import { createAppPages } from './app-pages.js'
import { clockTime, linkText, type PageFacts, wordsOf } from './page-texts.js'
import { type ReplyHeaders, retrySeconds, withBody } from './reply.js'
import { isGetOrHead } from './request.js'
import { returnPath, type Target, targetOf } from './return-to.js'

/** A page, before the links that every page has. */
export interface Page extends Omit<PageFacts, 'isForm'> {
  /** Where to sign in. */
  readonly signInUrl?: string | undefined
  /** Where to sign out. */
  readonly signOutUrl?: string | undefined
}

/**
 * The page as a reply. `target` is what the browser asks for, where that is not the request itself. The reply's
 * Content-Security-Policy replaces the app's, which was made for the app's pages.
 */
export type AnswerWithPage = (
  page: Page,
  req: RequestLike,
  headers?: ReplyHeaders,
  target?: Target,
) => Reply

export function createPages(
  { pages, appUrl }: Pick<Settings, 'pages' | 'appUrl'>,
  logger: Log | undefined,
): AnswerWithPage {
  const { translated, rendered } = createAppPages(pages, logger)

  return function answerWithPage(
    { signInUrl, signOutUrl, ...about },
    req,
    headers = {},
    target = targetOf(req),
  ) {
    const isForm = !isGetOrHead(target)
    const facts = { ...about, isForm }
    const urls = {
      sign_out: facts.code === 'sign_out' ? '' : signOutUrl,
      sign_in: signInUrl,
      // The page's own address, whatever it is behind a proxy.
      try_again: !isForm && isTemporary(facts) ? '' : undefined,
      back: isForm ? backUrl(returnPath(req, appUrl, target)) : undefined,
      home: isForm || !isAt(target, pages.home) ? pages.home : undefined,
    }
    const page = translated(inWords(facts, urls), req)
    const html = rendered(page, req)
    return html === undefined
      ? withBody(page.status, 'text/html', htmlOf(page), { ...headers, ...policyOf(page) })
      : withBody(page.status, 'text/html', html, { ...headers, ...ofTheApp(page) })
  }
}

function isTemporary({ status }: PageFacts): boolean {
  return status === 429 || status === 503
}

/** The page that the form was on; `/` stands for none. */
function backUrl(path: string): string | undefined {
  return path === '/' ? undefined : path
}

/** A page that is refused at the home page has no link to itself. */
function isAt({ url }: Target, home: string | undefined): boolean {
  return home !== undefined && url?.split(/[?#]/, 1)[0] === home.split(/[?#]/, 1)[0]
}

function inWords(
  facts: PageFacts,
  urls: Readonly<Record<PageLinkKind, string | undefined>>,
): GuardPage {
  const links = KINDS.flatMap((kind): readonly PageLink[] => {
    const href = urls[kind]
    if (href === undefined) return []
    const method = facts.code === 'sign_out' && kind === 'sign_out' ? 'post' : 'get'
    return [Object.freeze({ kind, href, text: linkText(kind, facts), method })]
  })
  const words = wordsOf(facts, urls.sign_in !== undefined)
  return Object.freeze({ ...facts, lang: 'en', ...words, links: Object.freeze(links) })
}

const KINDS: readonly PageLinkKind[] = ['sign_out', 'sign_in', 'try_again', 'back', 'home']

function htmlOf({ lang, title, message, advice, waiting, waitingSince, ...page }: GuardPage) {
  const { links, reloadMs } = page
  const reload =
    reloadMs === undefined
      ? ''
      : `\n<meta http-equiv="refresh" content="${retrySeconds(reloadMs)}">`
  const paragraphs = [
    escapeHtml(message),
    waiting === undefined ? '' : withTime(escapeHtml(waiting), waitingSince),
    escapeHtml(advice),
  ]
  const text = paragraphs.filter(Boolean).map((paragraph) => `\n<p>${paragraph}</p>`)
  return `<!doctype html>
<html lang="${escapeHtml(lang)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">${reload}
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main dir="auto">
<h1>${escapeHtml(title)}</h1>${text.join('')}${linksOf(links)}
</main>
</body>
</html>
`
}

/** Marks the time of day where the text names it. */
function withTime(html: string, since = 0): string {
  const time = clockTime(since)
  const iso = new Date(since).toISOString()
  return html.replace(time, `<time datetime="${iso}">${time}</time>`)
}

function linksOf(links: readonly PageLink[]): string {
  const html = links.map(({ href, text, method }) =>
    method === 'post'
      ? `\n<form method="post"${href && ` action="${escapeHtml(href)}"`}><button>${escapeHtml(text)}</button></form>`
      : `\n<a href="${escapeHtml(href)}">${escapeHtml(text)}</a>`,
  )
  return html.length === 0 ? '' : `\n<div class="links">${html.join('')}\n</div>`
}

/** The browser's own colours, light or dark. */
const STYLE = `:root{color-scheme:light dark;background:Canvas;color:CanvasText}
body{margin:12vh auto;padding:0 1.5rem;max-width:34rem;font:1.125rem/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
h1{margin:0;font-size:1.75rem;line-height:1.25}
.links{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.75rem}
form{margin:0}
a,button{display:inline-block;padding:.4em 1em;border:1px solid;border-radius:.4em;background:Canvas;color:CanvasText;font:inherit;text-decoration:none;cursor:pointer}
a:first-child,button{background:CanvasText;color:Canvas}
:focus-visible{outline:3px solid CanvasText;outline-offset:3px}`

/** No script, no frame around the page, and nothing loaded but what `allowed` names. */
function policyFor(formAction: string, ...allowed: readonly string[]): Reply['headers'] {
  const policy = [
    "default-src 'none'",
    ...allowed,
    "base-uri 'none'",
    `form-action ${formAction}`,
    "frame-ancestors 'none'",
  ]
  return { 'content-security-policy': policy.join('; ') }
}

const OWN_STYLE = `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

/**
 * Browsers hold every redirect behind a form to `form-action`, and a sign-out may lead over pages of the app
 * to the org's sign-in page.
 */
const ANYWHERE = "'self' https: http:"

/** Under the app's `no-referrer` a form would be sent with `Origin: null`. */
const NAMES_ORIGIN = { 'referrer-policy': 'same-origin' }

const PLAIN = policyFor("'none'", OWN_STYLE)
const WITH_FORM = { ...policyFor(ANYWHERE, OWN_STYLE), ...NAMES_ORIGIN }

/** A forgotten escape in the app's page runs no script. */
const APP_PAGE = {
  ...policyFor(
    ANYWHERE,
    "style-src 'self' https: 'unsafe-inline'",
    "img-src 'self' https: data:",
    "font-src 'self' https: data:",
  ),
  ...NAMES_ORIGIN,
}

function policyOf({ links }: GuardPage): ReplyHeaders {
  return links.some(({ method }) => method === 'post') ? WITH_FORM : PLAIN
}

/** The app's page need not load itself again: the header does. */
function ofTheApp({ reloadMs }: GuardPage): ReplyHeaders {
  return reloadMs === undefined
    ? APP_PAGE
    : { ...APP_PAGE, refresh: String(retrySeconds(reloadMs)) }
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
