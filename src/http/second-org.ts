/** Refuses a second instance that reads the default cookies, where it is for another org. */
import { misuse } from '../codes.js'
import type { ApiSettings } from '../options/options.js'

/**
 * The instances in this process that read the default cookies, on https orgs. Held weakly: an instance
 * dropped without close() does not refuse another.
 */
const instances = new Set<WeakRef<ApiSettings>>()

/**
 * The name of a cookie does not tell which org set it: two instances on two orgs would each send the live
 * cookie of the other org to their own. Orgs on http, which are on loopback, are left out: development and
 * tests start many, and cookies ignore their ports.
 *
 * @throws TypeError where an instance for another org is in use.
 */
export function refuseAnotherOrg({ orgUrl }: ApiSettings): void {
  for (const instance of instances) {
    const other = instance.deref()?.orgUrl
    if (other === undefined) instances.delete(instance)
    if (other === undefined || other === orgUrl || isLocal(orgUrl)) continue
    throw misuse(
      'EOS312',
      `oktaSession(): two instances for two orgs ("${other}" and "${orgUrl}") read the same cookies (\`idx\`, \`sid\`), ` +
        "so each would send the other's live cookie to its org; give each org its own names with `cookies`, " +
        'for example cookies: [{ name: "__Host-second", as: "sid" }], and its own `property`; ' +
        'where they serve different hosts, write `cookies` out on one of them; an instance no longer used needs its close()',
    )
  }
}

/** `api` identifies its instance: it lives as long as any handler of the instance. */
export function addInstance(api: ApiSettings): void {
  if (!isLocal(api.orgUrl)) instances.add(new WeakRef(api))
}

export function removeInstance(api: ApiSettings): void {
  for (const instance of instances) if (instance.deref() === api) instances.delete(instance)
}

function isLocal(orgUrl: string): boolean {
  return orgUrl.startsWith('http:')
}
