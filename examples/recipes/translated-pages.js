/** The package's pages in English and German, by the browser's Accept-Language. */
import express from 'express'
import { oktaSession } from 'express-okta-session'

/** @typedef {import('express-okta-session').GuardPage} GuardPage */
/** @typedef {import('express-okta-session').PageTexts} PageTexts */

/** Replaces what it names; the English texts of the package stay for other languages. */
export const pages = {
  home: '/start',

  /**
   * @param {GuardPage} page
   * @param {import('express').Request} req
   * @returns {PageTexts | undefined}
   */
  texts(page, req) {
    if (req.acceptsLanguages('en', 'de') !== 'de') return undefined
    const [title, message, advice] = german[page.code](page)
    return { lang: 'de', title, message, advice, waiting: waitingInGerman(page), links }
  },
}

const links = {
  sign_in: 'Anmelden',
  sign_out: 'Abmelden',
  try_again: 'Erneut versuchen',
  back: 'Zurück',
  home: 'Startseite',
}

/** @type {Record<GuardPage['code'], (page: GuardPage) => [title: string, message: string, advice: string]>} */
const german = {
  session_required: () => [
    'Bitte melden Sie sich an',
    'Dafür müssen Sie angemeldet sein.',
    'Melden Sie sich an und senden Sie das Formular noch einmal.',
  ],
  mfa_required: () => [
    'Ein zweiter Faktor fehlt',
    'Diese Seite verlangt eine Anmeldung mit einem zweiten Faktor.',
    'Melden Sie sich mit einem zweiten Faktor an.',
  ],
  mfa_enroll_required: () => [
    'Ein zweiter Faktor fehlt',
    'Für Ihr Konto ist noch kein zweiter Faktor eingerichtet.',
    'Richten Sie ihn bei der Anmeldung ein.',
  ],
  session_incomplete: () => [
    'Die Anmeldung ist nicht beendet',
    'Ihre Anmeldung wurde begonnen und nicht abgeschlossen.',
    'Schließen Sie die Anmeldung ab.',
  ],
  reauthentication_required: () => [
    'Bitte melden Sie sich erneut an',
    'Diese Seite verlangt, dass Sie sich vor Kurzem angemeldet haben.',
    'Melden Sie sich erneut an.',
  ],
  forbidden: () => [
    'Kein Zugriff',
    'Sie sind angemeldet, dürfen diese Seite aber nicht öffnen.',
    'Wenden Sie sich an die Betreiber dieser Anwendung.',
  ],
  okta_unavailable: ({ reloadMs }) => [
    'Einen Moment bitte',
    'Ihre Anmeldung kann gerade nicht geprüft werden. Sie sind nicht abgemeldet.',
    reloadMs === undefined
      ? 'Bitte versuchen Sie es gleich noch einmal.'
      : `Diese Seite versucht es in ${reloadMs / 1_000} s von selbst erneut.`,
  ],
  too_many_attempts: ({ retryAfterMs = 1_000 }) => [
    'Zu viele Versuche',
    'Von Ihrem Browser oder Netz kamen in kurzer Zeit zu viele Fehlversuche.',
    `Bitte warten Sie ${Math.ceil(retryAfterMs / 1_000)} s. Ist Ihre Sitzung beendet, melden Sie sich neu an.`,
  ],
  sign_in_loop: ({ cookies }) => [
    'Die Anmeldung hat nicht funktioniert',
    cookies === undefined
      ? 'Sie kamen mehrmals ohne Sitzung von der Anmeldung zurück.'
      : `Ihr Browser sendet widersprüchliche Cookies (${cookies.join(', ')}).`,
    cookies === undefined
      ? 'Melden Sie sich noch einmal an, oder öffnen Sie die Seite in einer Minute erneut.'
      : 'Melden Sie sich ab und dann wieder an.',
  ],
  sign_in_failed: () => [
    'Die Anmeldung hat nicht funktioniert',
    'Die Anmeldung wurde abgelehnt oder hat zu lange gedauert.',
    'Bitte versuchen Sie es noch einmal.',
  ],
  sign_in_unavailable: () => [
    'Einen Moment bitte',
    'Die Anmeldung ist gerade nicht möglich.',
    'Bitte versuchen Sie es gleich noch einmal.',
  ],
  invalid_request: () => [
    'Die Anmeldung hat nicht funktioniert',
    'Das Formular war unvollständig oder zu groß.',
    'Bitte gehen Sie zurück und versuchen Sie es noch einmal.',
  ],
  cross_site: () => [
    'Nicht von hier',
    'Dieses Formular kam von einer anderen Website.',
    'Öffnen Sie die Seite in dieser Anwendung und senden Sie es von dort.',
  ],
  sign_out: () => ['Abmelden', 'Möchten Sie sich abmelden?', ''],
}

/** @param {GuardPage} page */
function waitingInGerman({ waitingSince, waitingMs = 0 }) {
  if (waitingSince === undefined) return undefined
  const time = new Date(waitingSince).toISOString().slice(11, 19)
  return `Sie warten seit ${time} UTC (${Math.floor(waitingMs / 1_000)} s).`
}

/** @param {import('express-okta-session').OktaSessionOptions} options */
export function createApp(options) {
  const okta = oktaSession({ ...options, pages })
  const app = express()
  app.get('/account', okta.requireSession(), (req, res) => {
    res.json({ login: okta.session(req).login })
  })
  app.all('/admin', okta.requireSession({ mfa: true }), (_req, res) => {
    res.json('done')
  })
  app.all('/logout', okta.logout())
  return { app, okta }
}
