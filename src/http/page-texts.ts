/** The words of the pages: for each state a heading, the reason, and what to do now. */
import type { GuardPage, PageLinkKind } from '../public-types.js'

/** What a page is about, before it has words. */
export type PageFacts = Omit<
  GuardPage,
  'lang' | 'title' | 'message' | 'advice' | 'waiting' | 'links'
>

export interface Words {
  readonly title: string
  readonly message: string
  readonly advice: string
  readonly waiting?: string
}

/** `canSignIn`: the page has a link to sign in. */
export function wordsOf(facts: PageFacts, canSignIn: boolean): Words {
  const [title, message, advice] = WORDS[facts.code](facts, canSignIn)
  const waiting = waitingOf(facts)
  return { title, message, advice, ...(waiting !== undefined && { waiting }) }
}

export function linkText(kind: PageLinkKind, { reloadMs }: PageFacts): string {
  return kind === 'try_again' && reloadMs !== undefined ? 'Try now' : LINKS[kind]
}

const LINKS: Readonly<Record<PageLinkKind, string>> = {
  sign_out: 'Sign out',
  sign_in: 'Sign in',
  try_again: 'Try again',
  back: 'Go back',
  home: 'Home page',
}

type Three = readonly [title: string, message: string, advice: string]

const WORDS: Readonly<Record<GuardPage['code'], (facts: PageFacts, canSignIn: boolean) => Three>> =
  {
    session_required: ({ reason, cookies }) => [
      'Please sign in',
      `You need to be signed in to do this. ${textOfAnonymous(reason, cookies)}`.trim(),
      'Sign in, then send the form again.',
    ],
    mfa_required: ({ reason }) => [
      'A second factor is needed',
      reason === 'mfa_required'
        ? 'Your sign-in still lacks its second factor.'
        : 'You are signed in, but without the second factor that this page asks for.',
      'Please sign in with a second factor to continue.',
    ],
    mfa_enroll_required: () => [
      'A second factor is needed',
      'Your sign-in asks for a second factor, and you have not set one up yet.',
      'Please set up a second factor at sign-in to continue.',
    ],
    session_incomplete: () => [
      'Signing in is not finished',
      'Your sign-in was begun and not completed.',
      'Please finish signing in to continue.',
    ],
    reauthentication_required: () => [
      'Please sign in again',
      'This page requires that you have signed in a short while ago.',
      'Please sign in again to continue.',
    ],
    forbidden: () => [
      'Not allowed',
      'You are signed in, but this is not open to you.',
      'If you need it, ask the people who run this app.',
    ],
    okta_unavailable: (facts) => ['One moment, please', ...wordsOfOutage(facts)],
    too_many_attempts: ({ retryAfterMs, isForm }, canSignIn) => [
      'Too many attempts',
      'Too many failed attempts came from your browser or your network in a short time.',
      [
        `Please wait ${waitOf(retryAfterMs)}, then ${isForm ? 'send the form' : 'try'} again.`,
        canSignIn ? 'If your session is over, sign in again.' : '',
      ]
        .join(' ')
        .trim(),
    ],
    sign_in_loop: ({ reason, cookies = [] }) => [
      'Signing in did not work',
      `You were sent to sign in several times in a row and came back without a session. ${textOfLoop(reason, cookies)}`,
      reason === 'ambiguous_cookie'
        ? 'Signing out removes them; then sign in again.'
        : 'To continue, sign in again with the link below, or open the page again in a minute.',
    ],
    sign_in_failed: () => [
      'Signing in did not work',
      'The sign-in was not accepted, or took too long.',
      'Please try again.',
    ],
    sign_in_unavailable: () => [
      'One moment, please',
      'Signing in is not possible right now.',
      'Please try again shortly.',
    ],
    invalid_request: ({ status }) => [
      'Signing in did not work',
      FORM_FAULTS[status] ?? 'The form was not complete.',
      'Please go back and try again.',
    ],
    cross_site: () => [
      'Not from here',
      'This form was sent from another site, or your browser did not say from where.',
      'Open the page in this app, and send the form from there.',
    ],
    sign_out: () => ['Sign out', 'Do you want to sign out?', ''],
  }

const FORM_FAULTS: Readonly<Record<number, string>> = {
  413: 'The form was too large.',
  415: 'The form was sent in a way this app does not read.',
}

function textOfAnonymous(reason: GuardPage['reason'], cookies: readonly string[] = []): string {
  switch (reason) {
    case 'expired':
    case 'not_found':
      return 'Your session is over.'
    case 'signed_out':
      return 'You have signed out.'
    case 'invalid_cookie':
    case 'ambiguous_cookie':
      return textOfLoop(reason, cookies)
    default:
      return ''
  }
}

function textOfLoop(reason: GuardPage['reason'], cookies: readonly string[]): string {
  switch (reason) {
    case 'no_cookie':
      return 'Your browser sends no session cookie: it may not be keeping it, or this app and the sign-in page are not on the same host.'
    case 'invalid_cookie':
      return 'The session cookie your browser sends cannot be read.'
    case 'ambiguous_cookie':
      return `Your browser sends session cookies that contradict each other${cookies.length === 0 ? '' : ` (${cookies.join(', ')})`}: another site of this domain may have set one.`
    case 'signed_out':
      return 'The session your browser has is signed out.'
    case 'expired':
    case 'not_found':
      return 'The session of the cookie your browser sends is over, or belongs to another sign-in page.'
    case 'mfa_required':
    case 'mfa_enroll':
      return 'The session still lacks a second factor.'
    default:
      return 'The sign-in was not completed.'
  }
}

function wordsOfOutage({ reason, reloadMs, isForm }: PageFacts): readonly [string, string] {
  if (reloadMs === undefined)
    return [
      `We cannot check your sign-in right now. ${STAYS}`,
      `Please ${isForm ? 'go back and send the form' : 'try'} again shortly.`,
    ]
  return [
    `${textOfOutage(reason)} ${STAYS}`,
    `This page tries again by itself in ${counted(reloadMs / 1_000, 'second')}.`,
  ]
}

function textOfOutage(reason: GuardPage['reason']): string {
  switch (reason) {
    case 'over_budget':
    case 'queue_full':
      return 'Many people are signing in at once, and this app has to wait before it can check your sign-in.'
    case 'rate_limited':
    case 'concurrency_limited':
      return 'Okta limits how often this app may check sign-ins, and the limit is reached.'
    case 'closed':
      return 'We cannot check your sign-in right now.'
    default:
      return 'Okta, which checks your sign-in for this app, cannot be reached or does not answer as it should.'
  }
}

const STAYS = 'You are not signed out.'

/** The time of day is UTC: without a script the page cannot know the visitor's time zone. */
function waitingOf({ waitingSince, waitingMs = 0 }: PageFacts): string | undefined {
  if (waitingSince === undefined) return undefined
  const seconds = Math.floor(waitingMs / 1_000)
  const length =
    seconds < 60 ? counted(seconds, 'second') : counted(Math.floor(seconds / 60), 'minute')
  return `Waiting since ${clockTime(waitingSince)}${seconds === 0 ? '' : `, for ${length}`}.`
}

/** For example `09:30:00 UTC`. */
export function clockTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 19)} UTC`
}

/** Whole seconds, rounded up, as `Retry-After` has them. */
function waitOf(ms: number | undefined): string {
  return ms === undefined ? 'a moment' : counted(Math.max(1, Math.ceil(ms / 1_000)), 'second')
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
