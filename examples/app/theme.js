/** The theme cookie, an unrelated cookie of the app's own: light, dark, or the system's setting. */
import { ownPath } from './own-path.js'

const themes = new Set(['light', 'dark'])
const ONE_YEAR_MS = 365 * 24 * 60 * 60_000

/** @param {import('express').Request} req */
export function themeOf(req) {
  const theme = req.cookies?.theme
  return themes.has(theme) ? theme : 'system'
}

/** @satisfies {import('express').RequestHandler} */
export const rememberTheme = (req, res) => {
  const { theme, path } = req.body ?? {}
  if (themes.has(theme))
    res.cookie('theme', theme, { httpOnly: true, sameSite: 'lax', maxAge: ONE_YEAR_MS })
  else res.clearCookie('theme')
  res.redirect(303, ownPath(path))
}
