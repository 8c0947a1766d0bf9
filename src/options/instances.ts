/** The process's instances that read the default cookies: they must all be for one org. */
import type { ApiSettings } from './options.js'

/** Held weakly: an instance that was dropped without close() is no reason to refuse another. */
const instances = new Set<WeakRef<ApiSettings>>()

/**
 * A name of a cookie does not tell which org set it: each of two instances would send the other org's live
 * cookie to its own org. Orgs on http, which are on loopback, are left out: development and tests start
 * many, and cookies ignore their ports.
 *
 * @throws TypeError where an instance for another org is in use.
 */
export function refuseAnotherOrg({ orgUrl }: ApiSettings): void {
  const other = living().find((api) => api.orgUrl !== orgUrl)
  if (other === undefined || isLocal(orgUrl)) return
  throw new TypeError(
    `oktaSession(): two instances for two orgs ("${other.orgUrl}" and "${orgUrl}") read the same cookies (\`idx\`, \`sid\`), ` +
      "so each would send the other's live cookie to its org; give each org its own names with `cookies`, " +
      'for example cookies: [{ name: "__Host-second", as: "sid" }], and its own `property`; ' +
      'where they serve different hosts, write `cookies` out on one of them; an instance no longer used needs its close()',
  )
}

/** `api` stands for its instance: it lives as long as any handler of the instance's does. */
export function enter(api: ApiSettings): void {
  if (!isLocal(api.orgUrl)) instances.add(new WeakRef(api))
}

export function leave(api: ApiSettings): void {
  for (const instance of instances) if (instance.deref() === api) instances.delete(instance)
}

function living(): readonly ApiSettings[] {
  return [...instances].flatMap((instance) => {
    const api = instance.deref()
    if (api === undefined) instances.delete(instance)
    return api ?? []
  })
}

function isLocal(orgUrl: string): boolean {
  return orgUrl.startsWith('http:')
}
