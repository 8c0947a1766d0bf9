/** The attributes that metrics and spans share: OpenTelemetry's own names where they fit, `okta_session.*` otherwise. */
import type { Attributes } from '@opentelemetry/api'
import type { CallTraceMessage, LookupMessage, StoreCommandMessage } from '../channels.js'
import type { Operation } from '../errors.js'

/** What each operation sends. Ids are left out of paths. */
export const REQUEST_OF: Readonly<
  Record<Operation, { readonly method: string; readonly template: string }>
> = {
  getCurrentSession: { method: 'GET', template: '/api/v1/sessions/me' },
  refreshCurrentSession: { method: 'POST', template: '/api/v1/sessions/me/lifecycle/refresh' },
  closeCurrentSession: { method: 'DELETE', template: '/api/v1/sessions/me' },
  createSession: { method: 'POST', template: '/api/v1/sessions' },
  getSession: { method: 'GET', template: '/api/v1/sessions/{sessionId}' },
  refreshSession: { method: 'POST', template: '/api/v1/sessions/{sessionId}/lifecycle/refresh' },
  revokeSession: { method: 'DELETE', template: '/api/v1/sessions/{sessionId}' },
  requestToken: { method: 'POST', template: '/oauth2/v1/token' },
  getKeys: { method: 'GET', template: '/oauth2/v1/keys' },
}

/** `id.example.com`, or a host with a port, as `server.address` and `server.port`. */
export function serverOf(org: string): Attributes {
  const { hostname, port } = new URL(`https://${org}`)
  return { 'server.address': hostname, 'server.port': port === '' ? 443 : Number(port) }
}

/** Known when a call begins. */
export function callAttributes({ org, operation }: CallTraceMessage): Attributes {
  const { method, template } = REQUEST_OF[operation]
  return {
    ...serverOf(org),
    'http.request.method': method,
    'url.template': template,
    'okta_session.operation': operation,
  }
}

/** Known when a call has ended. `error.type` is present where Okta gave neither yes nor no. */
export function callEndAttributes({ outcome, status }: CallTraceMessage): Attributes {
  return {
    ...(outcome !== undefined && { 'okta_session.outcome': outcome }),
    ...(status !== undefined && { 'http.response.status_code': status }),
    ...(outcome !== undefined &&
      outcome !== 'yes' &&
      outcome !== 'no' && { 'error.type': outcome }),
  }
}

export function lookupAttributes({ org, kind }: LookupMessage): Attributes {
  return { ...serverOf(org), 'okta_session.lookup.kind': kind }
}

export function lookupEndAttributes({ state, source, reason }: LookupMessage): Attributes {
  return {
    ...(state !== undefined && { 'okta_session.state': state }),
    ...(source !== undefined && { 'okta_session.source': source }),
    ...(reason !== undefined && { 'okta_session.reason': reason }),
    ...(state === 'unavailable' && reason !== undefined && { 'error.type': reason }),
  }
}

export function commandAttributes({ org, command }: StoreCommandMessage): Attributes {
  return { ...serverOf(org), 'db.system.name': 'redis', 'db.operation.name': command }
}

export function commandEndAttributes({ outcome }: StoreCommandMessage): Attributes {
  if (outcome === undefined || outcome === 'ok') return {}
  return { 'error.type': outcome }
}
