/** Listens for the end of the session, which the app sends as a Server-Sent Event. */

const RECONNECT_MS = 5_000

/** @type {Record<string, string>} The reasons of watch(), for users. */
const reasons = {
  signed_out: 'You have signed out in another tab.',
  not_found: 'Your session has ended: an administrator ended it, or you signed out elsewhere.',
  expired: 'Your session has ended, because its time was up.',
  unavailable: 'Your session’s time is up, and Okta can’t be reached.',
}

/**
 * Calls `onEnd` once, with the reason in words. Calls `onLost` when the app answers with anything but events,
 * such as the guard's 401: ask then whether there still is a session.
 *
 * @param {{ onEnd: (reason: string) => void, onLost: () => void, signal: AbortSignal }} parts
 */
export function listenForEnd({ onEnd, onLost, signal }) {
  if (signal.aborted) return
  const events = new EventSource('/session/events')
  signal.addEventListener('abort', () => events.close())
  events.addEventListener('ended', ({ data }) => {
    events.close()
    onEnd(reasons[data] ?? 'Your session has ended.')
  })
  events.addEventListener('error', () => {
    // A broken connection is opened again by the browser itself.
    if (events.readyState !== EventSource.CLOSED) return
    onLost()
    setTimeout(() => listenForEnd({ onEnd, onLost, signal }), RECONNECT_MS)
  })
}
