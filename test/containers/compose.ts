/** Reads compose.yaml as Docker Compose does: anchors, merge keys and variables with defaults. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { load } from 'js-yaml'

/** A service, as far as compose.yaml uses the format. */
export interface Service {
  readonly image: string
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly networks?: { readonly default: { readonly aliases: readonly string[] } }
  readonly network_mode?: string
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly user?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly mem_limit?: string
  readonly stop_signal?: NodeJS.Signals
  readonly stop_grace_period?: string
}

export type Services = Readonly<Record<string, Service>>

export const folder = fileURLToPath(new URL('../../examples/containers/', import.meta.url))

export function readContainerFile(name: string): string {
  return readFileSync(new URL(name, `file://${folder}`), 'utf8')
}

export function readServices(): Services {
  const text = interpolate(readContainerFile('compose.yaml'))
  const { services } = load(text) as { services: Services }
  return services
}

/** Every variable has a default, as `compose up` must work without settings. */
function interpolate(text: string): string {
  return text.replace(/\$(?:\{(\w+):-([^}]*)\}|.?)/g, (all, name?: string, value?: string) => {
    if (name === undefined || value === undefined) throw new Error(`${all} has no default`)
    return value
  })
}

/** The services, each after those it depends on. */
export function inStartOrder(services: Services): string[] {
  const found: string[] = []
  const visit = (name: string, way: readonly string[]): void => {
    if (way.includes(name)) throw new Error(`a cycle: ${[...way, name].join(' -> ')}`)
    if (found.includes(name)) return
    for (const before of Object.keys(services[name]?.depends_on ?? {}))
      visit(before, [...way, name])
    found.push(name)
  }
  for (const name of Object.keys(services)) visit(name, [])
  return found
}
