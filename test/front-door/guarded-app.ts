/** An app with one guarded page, and the kinds of request a guard tells apart. */
import express from 'express'
import type { SessionRule } from 'express-okta-session'
import request from 'supertest'
import { api, type Choices, page, serve, startParts } from './door.js'

const form = { ...page, 'Content-Type': 'application/x-www-form-urlencoded' }

/** The page is at `/account`, for every method. */
export async function openGuarded(choices: Choices & { rule?: SessionRule } = {}) {
  const parts = await startParts(choices)
  const app = express()
  const { okta } = parts
  const guard =
    choices.rule === undefined ? okta.requireSession() : okta.requireSession(choices.rule)
  app.all('/account', guard, (req, res) => {
    res.json({ login: okta.session(req).login })
  })
  const url = await serve(app)
  return { ...parts, url, visit: visits(url) }
}

/** Sends one request of each kind. */
function visits(url: string) {
  const send = (method: 'get' | 'head' | 'post', headers: object) => (cookie?: string) =>
    request(url)
      [method]('/account?tab=1')
      .set({ ...headers, ...(cookie !== undefined && { Cookie: cookie }) })
  return {
    page: send('get', page),
    head: send('head', page),
    script: send('get', api),
    scriptPost: send('post', api),
    form: send('post', form),
  }
}

export const everyKind = ['page', 'head', 'script', 'scriptPost', 'form'] as const
