/** The layout of every page: navigation, the user, sign-out and the theme. */
import { html } from './html.js'
import { instancePanel } from './instance.js'

/**
 * @typedef {object} View The data of a request that every page shows.
 * @property {string} path
 * @property {string} theme
 * @property {string | undefined} login The user's login.
 * @property {boolean} signedOut Whether the user has just signed out.
 * @property {boolean} unavailable Whether the session is unknown because Okta gave no usable answer.
 * @property {import('./instance.js').InstanceView | undefined} instance Present where the example runs as several instances.
 */

/**
 * @param {View} view
 * @param {string} title
 * @param {import('./html.js').Html} main
 * @param {{ script?: string, goTo?: string }} [extras]
 */
export function layout(view, title, main, { script, goTo } = {}) {
  return String(html`<!doctype html>
<html lang="en" data-theme="${view.theme}"${view.path === '/' && html` data-public`}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${goTo && html`<meta http-equiv="refresh" content="0; url=${goTo}">`}
<title>${title} – Harbour</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
<script type="module" src="/page.js"></script>
${script && html`<script type="module" src="${script}"></script>`}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<a class="brand" href="/">Harbour</a>
<nav aria-label="Pages">
<ul>
${pages.map(([path, name]) => link(view, path, name))}
</ul>
</nav>
${view.login === undefined ? signIn(view) : signOut(view.login)}
</header>
<main id="main" tabindex="-1">
<h1>${title}</h1>
${main}
</main>${view.instance && instancePanel(view.instance, view.path)}
<footer>${themeForm(view)}</footer>
</body>
</html>
`)
}

const pages = /** @type {const} */ ([
  ['/', 'Home'],
  ['/account', 'Account'],
  ['/admin', 'Admin'],
])

/**
 * @param {View} view
 * @param {string} path
 * @param {string} name
 */
function link(view, path, name) {
  const current = view.path === path && html` aria-current="page"`
  return html`<li><a href="${path}"${current}>${name}</a></li>`
}

/** Links to the account page, whose guard redirects to sign-in and back. @param {View} view */
function signIn(view) {
  return (
    !view.unavailable &&
    view.path !== '/sign-in' &&
    html`<a class="button" href="/account">Sign in</a>`
  )
}

/** @param {string} login */
function signOut(login) {
  return html`<form class="who" method="post" action="/sign-out">
<span>${login}</span>
<button>Sign out</button>
</form>`
}

/** @param {View} view */
function themeForm({ theme, path }) {
  /** @param {string} value */
  const button = (value) =>
    html`<button name="theme" value="${value}" aria-pressed="${theme === value}">${value}</button>`
  return html`<form method="post" action="/theme">
<fieldset>
<legend>Colours</legend>
<input type="hidden" name="path" value="${path}">
${['system', 'light', 'dark'].map(button)}
</fieldset>
</form>`
}
