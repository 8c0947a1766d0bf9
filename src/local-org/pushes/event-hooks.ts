/** Event hooks: the handshake at registration, and the delivery of events. */
import { randomBytes, randomUUID } from 'node:crypto'
import { stableId } from '../org/okta-ids.js'
import type { OrgEvent } from '../org/org-events.js'
import type { OrgParts } from '../org/org-parts.js'
import { type Courier, checkCounts, type Delivery } from './courier.js'
import { type HookEvent, toHookEvent } from './hook-event.js'
import type { EventHook } from './receivers.js'
import { type Registered, Registry } from './registry.js'
import type { PushAnswer } from './sender.js'

/** How `org.deliverEvents()` delivers. */
export interface EventDelivery {
  /** The URL of one hook. Default: all verified hooks. */
  readonly to?: string
  /** How often each delivery is made: 2 for duplicates. Default 1. */
  readonly copies?: number
  /** Whether the last event comes first. Default false. */
  readonly reversed?: boolean
  /** Events a delivery. Default: all in one. */
  readonly batch?: number
  /** Milliseconds to wait before the first delivery. Default 0. */
  readonly delayMs?: number
}

/** Okta's own size of a batch isn't published. */
const MAX_BATCH = 100
const RETRY_VERIFICATION_MS = 1_000

export class EventHooks {
  readonly registry: Registry<EventHook, HookEvent>
  readonly #org: OrgParts
  readonly #courier: Courier
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(org: OrgParts, courier: Courier) {
    this.#org = org
    this.#courier = courier
    this.registry = new Registry(MAX_BATCH, (hook, events) => this.#post(hook, events))
  }

  /** Registers a hook that answers the handshake; rejects for another one. */
  async add(hook: EventHook): Promise<void> {
    const flaw = await this.#flawOf(hook)
    if (flaw !== undefined)
      throw new Error(`The event hook at ${hook.url} is not verified: ${flaw}`)
    this.registry.add(hook, true)
  }

  /** Registers a hook at once, and repeats the handshake every second until it is answered. */
  addUnverified(hook: EventHook): void {
    void this.#verify(this.registry.add(hook, false))
  }

  announce(event: OrgEvent): void {
    const hooks = this.registry.all().filter(({ verified }) => verified)
    if (hooks.length === 0) return
    const hookEvent = toHookEvent(this.#org, event)
    for (const { receiver, outbox } of hooks) {
      if (!subscribes(receiver, hookEvent)) continue
      if (outbox.isFull) this.#courier.drop(head(receiver, [hookEvent]))
      else void this.#courier.track(outbox.add(hookEvent) ?? Promise.resolve())
    }
  }

  /** Hooks get their deliveries at the same time, each hook in order. */
  async deliver(events: readonly unknown[], how: EventDelivery): Promise<readonly Delivery[]> {
    checkCounts('deliverEvents()', { copies: how.copies, batch: how.batch })
    const hooks = this.registry.receivers(how.to)
    if (how.delayMs !== undefined) await this.#courier.sender.wait(how.delayMs)
    const lists = await Promise.all(hooks.map((hook) => this.#deliverTo(hook, events, how)))
    return lists.flat()
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }

  async #deliverTo(
    hook: EventHook,
    events: readonly unknown[],
    { copies = 1, reversed = false, batch = events.length }: EventDelivery,
  ): Promise<readonly Delivery[]> {
    const subscribed = events.filter((event) => subscribes(hook, event))
    const ordered = reversed ? subscribed.reverse() : subscribed
    const deliveries: Delivery[] = []
    for (let copy = 1; copy <= copies; copy += 1) {
      for (let start = 0; start < ordered.length; start += batch) {
        deliveries.push(await this.#post(hook, ordered.slice(start, start + batch)))
      }
    }
    return deliveries
  }

  #post(hook: EventHook, events: readonly unknown[]): Promise<Delivery> {
    const body = {
      eventId: randomUUID(),
      eventTime: new Date(this.#org.clock.now()).toISOString(),
      eventType: 'com.okta.event_hook',
      eventTypeVersion: '1.0',
      cloudEventsVersion: '0.1',
      contentType: 'application/json',
      source: `${this.#org.url}/api/v1/eventHooks/${stableId('who', hook.url)}`,
      data: { events },
    }
    return this.#courier.deliver({
      ...head(hook, events),
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...secretHeader(hook),
      },
      body: JSON.stringify(body),
    })
  }

  async #verify(registered: Registered<EventHook, HookEvent>): Promise<void> {
    const flaw = await this.#flawOf(registered.receiver)
    if (this.#courier.sender.isClosed || !this.registry.has(registered)) return
    registered.verified = flaw === undefined
    if (registered.verified) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      void this.#verify(registered)
    }, RETRY_VERIFICATION_MS)
    this.#timers.add(timer.unref())
  }

  /** One GET with a challenge. Resolves to undefined when the answer repeats it. */
  async #flawOf(hook: EventHook): Promise<string | undefined> {
    const challenge = randomBytes(24).toString('base64url')
    const answer = await this.#courier.sender.send({
      method: 'GET',
      url: hook.url,
      headers: {
        'x-okta-verification-challenge': challenge,
        accept: 'application/json',
        ...secretHeader(hook),
      },
    })
    return flawOfAnswer(answer, challenge)
  }
}

function head(hook: EventHook, events: readonly unknown[]) {
  return {
    kind: 'event_hook' as const,
    url: hook.url,
    events: events.map(typeOf),
    isAccepted: (status: number) => status === 200 || status === 204,
  }
}

function secretHeader({ header = 'authorization', authorization }: EventHook) {
  return { [header.toLowerCase()]: authorization }
}

/** An event without a type, which only tests send, goes to every hook. */
function subscribes({ events }: EventHook, event: unknown): boolean {
  const type = typeOf(event)
  return events === undefined || type === UNTYPED || events.includes(type)
}

const UNTYPED = 'untyped'

function typeOf(event: unknown): string {
  const hasType = typeof event === 'object' && event !== null && 'eventType' in event
  return hasType && typeof event.eventType === 'string' ? event.eventType : UNTYPED
}

const EXPECTED = 'not 200 with { "verification": <the value of x-okta-verification-challenge> }'

function flawOfAnswer({ status, error, ...rest }: PushAnswer, challenge: string) {
  if (error !== undefined) return `no answer came (${error}), ${EXPECTED}`
  if (status !== 200) return `it answered ${status}, ${EXPECTED}`
  const repeats = 'body' in rest && verificationIn(rest.body) === challenge
  return repeats ? undefined : `it answered 200 with another body, ${EXPECTED}`
}

function verificationIn(body: string): unknown {
  try {
    const value: unknown = JSON.parse(body)
    const isObject = typeof value === 'object' && value !== null
    return isObject && 'verification' in value ? value.verification : undefined
  } catch {
    // Not JSON: the caller says what is expected.
    return undefined
  }
}
