/** The recipe for translated pages: the browser's language decides, and no state stays in English by mistake. */
import type { GuardPage } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createApp, pages } from '../../examples/recipes/translated-pages.js'
import { seen } from '../front-door/guard-page.js'
import { serve, startOrg } from './recipe-world.js'

async function start() {
  const org = await startOrg()
  const { app, okta } = createApp({ orgUrl: org.url, logger: false })
  onTestFinished(() => okta.close())
  const url = await serve(app)
  const visit = async (path: string, language: string, cookie = '', method = 'get') => {
    const headers = { Accept: 'text/html', 'Accept-Language': language, Cookie: cookie }
    const send = request(url)
    const answer = await (method === 'post' ? send.post(path) : send.get(path)).set(headers)
    return { status: answer.status, ...seen(answer) }
  }
  return { org, visit }
}

describe('the recipe for translated pages', () => {
  it.each([
    ['de', 'de', 'Ein zweiter Faktor fehlt'],
    ['de-AT,de;q=0.9,en;q=0.5', 'de', 'Ein zweiter Faktor fehlt'],
    ['en-GB,en;q=0.9,de;q=0.5', 'en', 'A second factor is needed'],
    ['fr', 'en', 'A second factor is needed'],
    ['*', 'en', 'A second factor is needed'],
  ])('Accept-Language: %s gets the page in the language %s', async (language, lang, heading) => {
    const { org, visit } = await start()
    const cookie = org.signIn('alice@example.com')
    expect(await visit('/admin', language, cookie)).toMatchObject({ status: 403, lang, heading })
  })

  it('the page of an outage says in German how long the visitor waits and when it tries again', async () => {
    const { org, visit } = await start()
    org.fail({ kind: 'status', status: 500 })
    const { status, title, paragraphs, links } = await visit('/account', 'de', 'idx=one')
    expect(status).toBe(503)
    expect(title).toBe('Einen Moment bitte')
    expect(paragraphs).toEqual([
      'Ihre Anmeldung kann gerade nicht geprüft werden. Sie sind nicht abgemeldet.',
      expect.stringMatching(/^Sie warten seit \d\d:\d\d:\d\d UTC \(0 s\)\.$/),
      expect.stringMatching(/^Diese Seite versucht es in \d+ s von selbst erneut\.$/),
    ])
    expect(links).toEqual([
      ['Erneut versuchen', ''],
      ['Startseite', '/start'],
    ])
  })

  it('each button and each link is in German', async () => {
    const { org, visit } = await start()
    const cookie = org.signIn('alice@example.com')
    expect((await visit('/logout', 'de')).links.map(([text]) => text)).toEqual([
      'Abmelden',
      'Startseite',
    ])
    expect((await visit('/admin', 'de', cookie, 'post')).links.map(([text]) => text)).toEqual([
      'Anmelden',
      'Startseite',
    ])
  })

  it('each code has German texts', async () => {
    const codes: GuardPage['code'][] = [
      ...(['session_required', 'mfa_required', 'mfa_enroll_required', 'forbidden'] as const),
      ...(['session_incomplete', 'reauthentication_required', 'okta_unavailable'] as const),
      ...(['too_many_attempts', 'sign_in_loop', 'sign_in_failed', 'cross_site'] as const),
      ...(['sign_in_unavailable', 'invalid_request', 'sign_out'] as const),
    ]
    const req = { acceptsLanguages: () => 'de' }
    for (const code of codes) {
      const about = { status: 403, code, isForm: false, lang: 'en', message: '', advice: '' }
      const texts = pages.texts({ ...about, title: code, links: [] }, req as never)
      expect(texts).toMatchObject({ lang: 'de', title: expect.stringMatching(/^[A-Z]/) })
    }
  })
})
