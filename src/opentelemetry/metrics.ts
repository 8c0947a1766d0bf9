/** Counters and histograms from the channels, and counters and gauges from the statistics of all instances. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { BatchObservableResult, Meter } from '@opentelemetry/api'
import {
  type CallTraceMessage,
  channels,
  type HoldOffMessage,
  type LookupMessage,
  type RefreshMessage,
  type RevocationMessage,
  type SchemaDriftMessage,
  type StoreCommandMessage,
} from '../channels.js'
import { runningInstances } from '../instances.js'
import type { OktaSessionStats } from '../okta-session-types.js'
import {
  callAttributes,
  callEndAttributes,
  commandAttributes,
  commandEndAttributes,
  lookupAttributes,
  lookupEndAttributes,
  serverOf,
} from './attributes.js'

/** Seconds; those that OpenTelemetry advises for HTTP. */
const CALL_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** Seconds; a command is given up after 0.1. */
const COMMAND_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1]

/** Begins to record. Returns how to end it. */
export function recordMetrics(meter: Meter): () => void {
  const ends = [...recordDurations(meter), ...recordEvents(meter), observeStats(meter)]
  return () => {
    for (const end of ends) end()
  }
}

/** Histograms of what takes time. */
function recordDurations(meter: Meter): (() => void)[] {
  const seconds = (name: string, description: string, explicitBucketBoundaries: number[]) =>
    meter.createHistogram(`okta_session.${name}.duration`, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries },
    })
  const lookups = seconds('lookup', 'Lookups not answered from memory', CALL_SECONDS)
  const calls = seconds('call', 'Calls to Okta, retries included', CALL_SECONDS)
  const commands = seconds('store.command', 'Commands to the store', COMMAND_SECONDS)
  const ended = (name: string) => `tracing:${name}:asyncEnd`
  return [
    on<LookupMessage>(ended(channels.lookup), (message) =>
      lookups.record(inSeconds(message), {
        ...lookupAttributes(message),
        ...lookupEndAttributes(message),
      }),
    ),
    on<CallTraceMessage>(ended(channels.call), (message) => {
      // A call that was not made has no outcome.
      if (message.outcome === undefined) return
      const attributes = { ...callAttributes(message), ...callEndAttributes(message) }
      calls.record(inSeconds(message), attributes)
    }),
    on<StoreCommandMessage>(ended(channels.storeCommand), (message) =>
      commands.record(inSeconds(message), {
        ...commandAttributes(message),
        ...commandEndAttributes(message),
      }),
    ),
  ]
}

/** Counters of what happens seldom. */
function recordEvents(meter: Meter): (() => void)[] {
  const counter = (name: string, description: string, unit: string) =>
    meter.createCounter(`okta_session.${name}`, { description, unit })
  const refreshes = counter('refreshes', 'Refreshes of sessions', '{refresh}')
  const revocations = counter('revocations', 'Changes of the revocation log', '{revocation}')
  const circuits = counter('circuit.opened', 'Circuits that opened', '{opening}')
  const drifts = counter('schema_drift', 'Answers with unknown fields or values', '{answer}')
  return [
    on<RefreshMessage>(channels.refresh, ({ org, outcome, code }) =>
      refreshes.add(1, {
        ...serverOf(org),
        'okta_session.outcome': outcome,
        ...(code !== undefined && { 'error.type': code }),
      }),
    ),
    on<RevocationMessage>(channels.revocation, ({ org, kind, scope }) =>
      revocations.add(1, {
        ...serverOf(org),
        'okta_session.revocation.kind': kind,
        'okta_session.revocation.scope': scope,
      }),
    ),
    on<HoldOffMessage>(channels.holdOff, ({ org, on: isOpen, who, code }) => {
      if (isOpen)
        circuits.add(1, { ...serverOf(org), 'okta_session.circuit': who, 'error.type': code })
    }),
    on<SchemaDriftMessage>(channels.schemaDrift, ({ org, operation }) =>
      drifts.add(1, { ...serverOf(org), 'okta_session.operation': operation }),
    ),
  ]
}

/** What is read of an instance when the metrics are collected. */
interface Figure {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly description: string
  readonly unit: string
  /** What several instances with one org have together. Default: the sum. */
  readonly together?: (one: number, other: number) => number
  /** Undefined: the instance has no such figure. */
  read(stats: OktaSessionStats): Readings | number | undefined
}

/** Figures by the value of an attribute. */
interface Readings {
  readonly attribute: string
  readonly values: Readonly<Record<string, number | undefined>>
}

/** A series that is not written again would keep its last value. */
const CLOSED_CIRCUITS = Object.fromEntries(
  ['everybody', 'newcomers', 'sign_ins', 'refreshes', 'sign_outs'].map((who) => [who, 0]),
)

const FIGURES: readonly Figure[] = [
  {
    name: 'requests',
    kind: 'counter',
    description: 'Requests with a session cookie, by how they were answered',
    unit: '{request}',
    read: ({ hits, misses, negatives, stale, coalesced }) => ({
      attribute: 'okta_session.result',
      values: { hit: hits, miss: misses, negative: negatives, stale, coalesced },
    }),
  },
  {
    name: 'refused',
    kind: 'counter',
    description: 'Calls to Okta that were not made',
    unit: '{call}',
    read: ({ refused }) => ({ attribute: 'error.type', values: refused }),
  },
  {
    name: 'prefetches',
    kind: 'counter',
    description: 'Lookups begun before a session went stale',
    unit: '{lookup}',
    read: ({ refreshedAhead }) => refreshedAhead,
  },
  {
    name: 'pushes',
    kind: 'counter',
    description: 'Events and tokens that Okta pushed',
    unit: '{push}',
    read: ({ pushes }) =>
      pushes && {
        attribute: 'okta_session.result',
        values: {
          revoked: pushes.revocations,
          ignored: pushes.events - pushes.revocations,
          refused: pushes.refused,
        },
      },
  },
  {
    name: 'sessions',
    kind: 'gauge',
    description: 'Cached sessions that may be served',
    unit: '{session}',
    read: ({ sessions }) => sessions,
  },
  {
    name: 'watched',
    kind: 'gauge',
    description: 'Sessions watched',
    unit: '{session}',
    read: ({ watched }) => watched,
  },
  {
    name: 'calls.in_flight',
    kind: 'gauge',
    description: 'Calls to Okta under way',
    unit: '{call}',
    read: ({ inFlight }) => inFlight,
  },
  {
    name: 'calls.queued',
    kind: 'gauge',
    description: 'Calls to Okta that wait for a slot',
    unit: '{call}',
    read: ({ queued }) => queued,
  },
  {
    name: 'quota.limit',
    kind: 'gauge',
    description: "Calls that the org's rate limit allows in a window",
    unit: '{call}',
    together: Math.min,
    read: ({ quota }) => quota?.limit,
  },
  {
    name: 'quota.remaining',
    kind: 'gauge',
    description: 'Calls left in the window, as Okta last said',
    unit: '{call}',
    together: Math.min,
    read: ({ quota }) => quota?.remaining,
  },
  {
    name: 'circuit.open',
    kind: 'gauge',
    description: '1 while a circuit is open, by the calls that are rejected',
    unit: '1',
    together: Math.max,
    read: ({ heldOff }) => ({
      attribute: 'okta_session.circuit',
      values: { ...CLOSED_CIRCUITS, ...(heldOff !== undefined && { [heldOff.who]: 1 }) },
    }),
  },
  {
    name: 'store.up',
    kind: 'gauge',
    description: '1 while the store can be used, 0 while this instance works alone',
    unit: '1',
    together: Math.min,
    read: ({ store }) => store && Number(store.state === 'ready'),
  },
  {
    name: 'store.log_lag',
    kind: 'gauge',
    description: 'Since the revocation log of all instances was last read to its end',
    unit: 's',
    together: Math.max,
    read: ({ store }) => (store?.logLagMs === undefined ? undefined : store.logLagMs / 1_000),
  },
  {
    name: 'store.records_waiting',
    kind: 'gauge',
    description: 'Revocations that the other instances do not know yet',
    unit: '{record}',
    read: ({ store }) => store?.recordsWaiting,
  },
  {
    name: 'instances',
    kind: 'gauge',
    description: 'Living instances that share the store',
    unit: '{instance}',
    together: Math.max,
    read: ({ store }) => store?.instances,
  },
]

/** One callback reads the statistics of all instances once per collection. */
function observeStats(meter: Meter): () => void {
  const instruments = FIGURES.map((figure) => {
    const { name, kind, description, unit } = figure
    const options = { description, unit }
    const instrument =
      kind === 'counter'
        ? meter.createObservableCounter(`okta_session.${name}`, options)
        : meter.createObservableGauge(`okta_session.${name}`, options)
    return { figure, instrument }
  })
  const all = instruments.map(({ instrument }) => instrument)
  const observe = (result: BatchObservableResult) => {
    const instances = runningInstances().map(({ org, stats }) => ({ org, stats: stats() }))
    for (const { figure, instrument } of instruments)
      for (const { org, attribute, value, count } of together(figure, instances))
        result.observe(instrument, count, {
          ...serverOf(org),
          ...(attribute !== undefined && { [attribute]: value }),
        })
  }
  meter.addBatchObservableCallback(observe, all)
  return () => meter.removeBatchObservableCallback(observe, all)
}

interface Reading {
  readonly org: string
  readonly attribute?: string
  readonly value?: string
  readonly count: number
}

/** One reading for each org and value: an app may have several instances for one org. */
function together(
  { read, together = (one, other) => one + other }: Figure,
  instances: readonly { readonly org: string; readonly stats: OktaSessionStats }[],
): Iterable<Reading> {
  const readings = new Map<string, Reading>()
  for (const { org, stats } of instances)
    for (const reading of readingsOf(org, read(stats))) {
      const name = `${org} ${reading.value}`
      const other = readings.get(name)
      const count = other === undefined ? reading.count : together(other.count, reading.count)
      readings.set(name, { ...reading, count })
    }
  return readings.values()
}

function readingsOf(org: string, read: Readings | number | undefined): Reading[] {
  if (read === undefined) return []
  if (typeof read === 'number') return [{ org, count: read }]
  const { attribute, values } = read
  return Object.entries(values).flatMap(([value, count]) =>
    count === undefined ? [] : [{ org, attribute, value, count }],
  )
}

function on<M>(name: string, hear: (message: M) => void): () => void {
  const listen = (message: unknown) => hear(message as M)
  subscribe(name, listen)
  return () => void unsubscribe(name, listen)
}

function inSeconds({ durationMs = 0 }: { readonly durationMs?: number | undefined }): number {
  return durationMs / 1_000
}
