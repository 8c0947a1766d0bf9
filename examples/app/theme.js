/** A cookie of the app's own, read and written with cookie-parser and Express: light, dark, or as the system has it. */
import { ownPath } from './own-path.js'

const themes = new Set(['light', 'dark'])
const aYear = 365 * 24 * 60 * 60_000

/** @param {import('express').Request} req */
export function themeOf(req) {
  const theme = req.cookies?.theme
  return themes.has(theme) ? theme : 'system'
}

/** @satisfies {import('express').RequestHandler} */
export const rememberTheme = (req, res) => {
  const { theme, path } = req.body ?? {}
  if (themes.has(theme))
    res.cookie('theme', theme, { httpOnly: true, sameSite: 'lax', maxAge: aYear })
  else res.clearCookie('theme')
  res.redirect(303, ownPath(path))
}
