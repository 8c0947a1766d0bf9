/** All pushes of one org: sends what happens at the org to the registered receivers, and what tests ask for. */
import type { OrgEvent } from '../org/org-events.js'
import type { OrgParts } from '../org/org-parts.js'
import type { SigningKey } from '../org/signing-key.js'
import { Courier, type Delivery, type PushKind } from './courier.js'
import { EventHooks } from './event-hooks.js'
import {
  checkEventHook,
  checkSignals,
  checkUniversalLogout,
  type EventHook,
  type LogoutReceiver,
  type SignalsReceiver,
} from './receivers.js'
import { SignedPushes } from './signed-pushes.js'

export interface PushOptions {
  readonly eventHooks: readonly EventHook[]
  readonly signals: readonly SignalsReceiver[]
  readonly universalLogout: readonly LogoutReceiver[]
  readonly hookTimeoutMs: number
}

/** The parts of an org together with its pushes, for the endpoints that show and register receivers. */
export interface PushingOrg extends OrgParts {
  readonly pushes: Pushes
}

/** A registered receiver, without its secret. */
export interface ReceiverSummary {
  readonly kind: PushKind
  readonly url: string
  /** Whether an event hook has answered the handshake; true for other receivers. */
  readonly verified: boolean
}

export class Pushes {
  readonly hooks: EventHooks
  readonly signed: SignedPushes
  readonly #courier: Courier
  readonly #signingKey: SigningKey

  constructor(org: OrgParts, options: PushOptions) {
    this.#courier = new Courier(org.clock, options.hookTimeoutMs)
    this.#signingKey = org.signingKey
    this.hooks = new EventHooks(org, this.#courier)
    this.signed = new SignedPushes(org, this.#courier)
    for (const hook of options.eventHooks) this.hooks.addUnverified(hook)
    for (const receiver of options.signals) this.addSignals(receiver)
    for (const receiver of options.universalLogout) this.addUniversalLogout(receiver)
    org.events.listen((event) => this.#announce(event))
  }

  async addEventHook(hook: unknown): Promise<void> {
    checkEventHook(hook)
    await this.hooks.add(hook)
  }

  addSignals(receiver: unknown): void {
    checkSignals(receiver)
    this.#signingKey.prepare()
    this.signed.signals.add(receiver, true)
  }

  addUniversalLogout(receiver: unknown): void {
    checkUniversalLogout(receiver)
    this.#signingKey.prepare()
    this.signed.logouts.add(receiver, true)
  }

  /** Removes every receiver with this URL. */
  remove(url: string): boolean {
    const { signals, logouts } = this.signed
    const removed = [this.hooks.registry, signals, logouts].map((registry) => registry.remove(url))
    return removed.includes(true)
  }

  /** Event hooks first. */
  receivers(): readonly ReceiverSummary[] {
    const { signals, logouts } = this.signed
    return [
      ...this.hooks.registry.summaries('event_hook'),
      ...signals.summaries('security_event'),
      ...logouts.summaries('universal_logout'),
    ]
  }

  /** The last deliveries, oldest first. */
  recent(): readonly Delivery[] {
    return this.#courier.recent()
  }

  /** Counts work as under way until it ends. */
  track<T>(work: Promise<T>): Promise<T> {
    return this.#courier.track(work)
  }

  settled(): Promise<void> {
    return this.#courier.settled()
  }

  /** Ends what is under way; later deliveries fail at once. */
  async close(): Promise<void> {
    this.hooks.close()
    this.#courier.sender.close()
    await this.settled()
  }

  #announce(event: OrgEvent): void {
    this.hooks.announce(event)
    if (event.kind === 'sessions_cleared' || event.kind === 'suspended') {
      this.signed.announceRevocation(event.user.userId)
    }
    if (event.kind === 'sessions_cleared') this.signed.announceLogout(event.user.userId)
  }
}
