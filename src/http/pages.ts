/** The HTML pages that a guard sends to browsers. They load no script, style, image or font. */
import { createHash } from 'node:crypto'
import type { Reply } from '../public-types.js'
import { type ReplyHeaders, withBody } from './reply.js'

export interface Page {
  readonly status: number
  readonly title: string
  readonly text: string
  /** Where to sign in, as a link. */
  readonly signInUrl?: string | undefined
  /** Where to sign out, as a link. */
  readonly signOutUrl?: string | undefined
  /** The text of a button that posts to the page's own address. */
  readonly button?: string | undefined
  /** Where the app begins, as a link. */
  readonly homeUrl?: string | undefined
  /** Seconds after which the page loads itself again. */
  readonly reloadAfter?: number | undefined
  /** Since when the visitor has been waiting, in epoch seconds, and for how many seconds. */
  readonly waiting?: { readonly since: number; readonly seconds: number } | undefined
}

/** The page as a reply. Its Content-Security-Policy replaces the app's, which was made for the app's pages. */
export function page(content: Page, headers: ReplyHeaders = {}): Reply {
  const policy = { ...headers, ...(content.button === undefined ? PLAIN : WITH_FORM) }
  return withBody(content.status, 'text/html', render(content), policy)
}

function render(content: Page): string {
  const { title, text, signInUrl, signOutUrl, button, homeUrl, reloadAfter, waiting } = content
  const reload =
    reloadAfter === undefined ? '' : `\n<meta http-equiv="refresh" content="${reloadAfter}">`
  const since = waiting === undefined ? '' : `\n<p>${waitingText(waiting)}</p>`
  const again =
    reloadAfter === undefined
      ? ''
      : `\n<p>This page tries again by itself in ${counted(reloadAfter, 'second')}.</p>`
  const form =
    button === undefined
      ? ''
      : `\n<form method="post"><button>${escapeHtml(button)}</button></form>`
  const links = [
    link('Sign out', signOutUrl),
    link('Sign in', signInUrl),
    // The page's own address, whatever it is behind a proxy.
    link('Try now', reloadAfter === undefined ? undefined : ''),
    link('Home page', homeUrl),
  ].join('')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">${reload}
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(text)}</p>${since}${again}${form}${links}
</main>
</body>
</html>
`
}

function link(text: string, url: string | undefined): string {
  return url === undefined ? '' : `\n<p><a href="${escapeHtml(url)}">${text}</a></p>`
}

/** The time of day is UTC: without a script the page cannot know the visitor's time zone. */
function waitingText({ since, seconds }: NonNullable<Page['waiting']>): string {
  const iso = new Date(since * 1_000).toISOString()
  const length =
    seconds < 60 ? counted(seconds, 'second') : counted(Math.floor(seconds / 60), 'minute')
  const lasting = seconds === 0 ? '' : `, for ${length}`
  return `Waiting since <time datetime="${iso}">${iso.slice(11, 19)} UTC</time>${lasting}.`
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

/** The browser's own colours, light or dark. */
const STYLE = `:root{color-scheme:light dark;background:Canvas;color:CanvasText}
body{margin:12vh auto;padding:0 1.5rem;max-width:34rem;font:1.125rem/1.55 system-ui,sans-serif}
h1{margin:0;font-size:1.75rem;line-height:1.25}
a,button{display:inline-block;padding:.4em 1em;border:1px solid;border-radius:.4em;text-decoration:none}
button{margin:1em 0;background:ButtonFace;color:ButtonText;font:inherit;cursor:pointer}
:focus-visible{outline:3px solid;outline-offset:3px}`

/** Allows no script, no loading of anything and no embedding in a frame. */
function policyFor(formAction: string): Reply['headers'] {
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    "base-uri 'none'",
    `form-action ${formAction}`,
    "frame-ancestors 'none'",
  ]
  return { 'content-security-policy': policy.join('; ') }
}

const PLAIN = policyFor("'none'")

/**
 * Browsers hold every redirect behind a form to `form-action`, and a sign-out may lead over pages of the app
 * to the org's sign-in page. Under the app's `no-referrer` the form would be sent with `Origin: null`.
 */
const WITH_FORM = { ...policyFor("'self' https: http:"), 'referrer-policy': 'same-origin' }

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
