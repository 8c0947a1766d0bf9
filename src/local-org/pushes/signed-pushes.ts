/** The pushes that the org signs: Security Event Tokens (RFC 8417, 8935) and Universal Logout. */
import { randomUUID } from 'node:crypto'
import type { JWTPayload } from 'jose'
import { wholeSeconds } from '../org/org-clock.js'
import type { OrgParts } from '../org/org-parts.js'
import { type Courier, checkCounts, type Delivery, type Parcel } from './courier.js'
import { userNamed } from './hook-event.js'
import type { LogoutReceiver, SignalsReceiver } from './receivers.js'
import { Registry } from './registry.js'

/** The Security Event Tokens that the org builds by a short name. */
export type SecurityEventType = 'session-revoked' | 'credential-change' | 'verification'

/** What a Security Event Token says. */
export interface SecurityEvent {
  /** A short name, or the URI of any event type. */
  readonly type: SecurityEventType | (string & {})
  /** The user concerned, by login or user id: the subject is then their `iss_sub`. */
  readonly user?: string
  /** The subject (RFC 9493) in place of the user's `iss_sub`. */
  readonly subject?: Readonly<Record<string, unknown>>
  /** Merged into the claims of the event itself. */
  readonly details?: Readonly<Record<string, unknown>>
  /** Merged into the payload; a claim that is undefined here is left out. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** How `org.deliverSecurityEvent()` delivers. */
export interface SignedDelivery {
  /** The URL of one receiver. Default: all. */
  readonly to?: string
  /** How often the same token is delivered: 2 for a replay. Default 1. */
  readonly copies?: number
}

/** How `org.deliverUniversalLogout()` delivers. */
export interface LogoutDelivery extends SignedDelivery {
  /** How the user is named. Default: as the receiver's `subject` says. */
  readonly format?: 'iss_sub' | 'email'
  /** Merged into the payload of the token; a claim that is undefined here is left out. */
  readonly claims?: Readonly<Record<string, unknown>>
}

const TOKEN_LIFETIME_S = 300

export class SignedPushes {
  readonly signals: Registry<SignalsReceiver, SecurityEvent>
  readonly logouts: Registry<LogoutReceiver, string>
  readonly #org: OrgParts
  readonly #courier: Courier

  constructor(org: OrgParts, courier: Courier) {
    this.#org = org
    this.#courier = courier
    // A push carries one token, about one user.
    this.signals = new Registry(1, (receiver, [event]) => this.#signal(receiver, event))
    this.logouts = new Registry(1, (receiver, [userId]) => this.#logOut(receiver, userId))
  }

  /** Queues the push of a session-revoked event to all receivers. */
  announceRevocation(userId: string): void {
    const event = { type: 'session-revoked', user: userId }
    for (const { receiver, outbox } of this.signals.all()) {
      if (outbox.isFull) this.#courier.drop(signalHead(receiver, event))
      else void this.#courier.track(outbox.add(event) ?? Promise.resolve())
    }
  }

  /** Queues a Universal Logout to all receivers. */
  announceLogout(userId: string): void {
    for (const { receiver, outbox } of this.logouts.all()) {
      if (outbox.isFull) this.#courier.drop(logoutHead(receiver))
      else void this.#courier.track(outbox.add(userId) ?? Promise.resolve())
    }
  }

  async deliverSecurityEvent(
    event: SecurityEvent,
    { to, copies = 1 }: SignedDelivery,
  ): Promise<readonly Delivery[]> {
    checkCounts('deliverSecurityEvent()', { copies })
    const parcels = this.signals.receivers(to).map((each) => this.#signalParcel(each, event))
    return this.#deliverAll(parcels, copies)
  }

  async deliverUniversalLogout(user: string, how: LogoutDelivery): Promise<readonly Delivery[]> {
    checkCounts('deliverUniversalLogout()', { copies: how.copies })
    const parcels = this.logouts
      .receivers(how.to)
      .map((each) => this.#logoutParcel(each, user, how))
    return this.#deliverAll(parcels, how.copies ?? 1)
  }

  async securityEventToken(event: SecurityEvent, audience: string): Promise<string> {
    const payload: JWTPayload = {
      ...this.#claims(audience),
      sub_id: this.#subjectOf(event, audience),
      events: { [uriOf(event.type)]: { ...this.#detailsOf(event), ...event.details } },
      ...event.claims,
    }
    return this.#org.signingKey.sign('secevent+jwt', payload)
  }

  async universalLogoutToken(
    clientId: string,
    audience: string,
    claims: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    const common = this.#claims(audience)
    const exp = common.iat + TOKEN_LIFETIME_S
    const payload: JWTPayload = { ...common, sub: clientId, exp, ...claims }
    return this.#org.signingKey.sign('global-token-revocation+jwt', payload)
  }

  async #signal(receiver: SignalsReceiver, event: SecurityEvent | undefined): Promise<void> {
    if (event !== undefined) await this.#deliverAll([this.#signalParcel(receiver, event)], 1)
  }

  async #logOut(receiver: LogoutReceiver, userId: string | undefined): Promise<void> {
    if (userId !== undefined) await this.#deliverAll([this.#logoutParcel(receiver, userId, {})], 1)
  }

  async #deliverAll(
    parcels: readonly Promise<Parcel>[],
    copies: number,
  ): Promise<readonly Delivery[]> {
    const deliveries = (await Promise.all(parcels)).map((parcel) => this.#repeat(parcel, copies))
    return (await Promise.all(deliveries)).flat()
  }

  async #repeat(parcel: Parcel, copies: number): Promise<readonly Delivery[]> {
    const deliveries: Delivery[] = []
    for (let copy = 1; copy <= copies; copy += 1) {
      deliveries.push(await this.#courier.deliver(parcel))
    }
    return deliveries
  }

  async #signalParcel(receiver: SignalsReceiver, event: SecurityEvent): Promise<Parcel> {
    const { audience, authorization } = receiver
    return {
      ...signalHead(receiver, event),
      headers: {
        'content-type': 'application/secevent+jwt',
        accept: 'application/json',
        ...(authorization !== undefined && { authorization }),
      },
      body: await this.securityEventToken(event, audience),
    }
  }

  async #logoutParcel(
    receiver: LogoutReceiver,
    user: string,
    { format = receiver.subject ?? 'iss_sub', claims }: LogoutDelivery,
  ): Promise<Parcel> {
    const { url, clientId, audience = url } = receiver
    const { userId, login } = userNamed(this.#org, user)
    const subject = format === 'email' ? { format, email: login } : this.#issSub(userId)
    return {
      ...logoutHead(receiver),
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        authorization: `Bearer ${await this.universalLogoutToken(clientId, audience, claims)}`,
      },
      body: JSON.stringify({ sub_id: subject }),
    }
  }

  #claims(audience: string) {
    return { iss: this.#org.url, aud: audience, iat: this.#seconds(), jti: randomUUID() }
  }

  #subjectOf({ type, user, subject }: SecurityEvent, audience: string): unknown {
    if (subject !== undefined) return subject
    if (user !== undefined) return this.#issSub(userNamed(this.#org, user).userId)
    if (type === 'verification') return { format: 'opaque', id: audience }
    throw new TypeError(`A security event of type ${type} needs a user or a subject`)
  }

  #issSub(userId: string) {
    return { format: 'iss_sub', iss: this.#org.url, sub: userId }
  }

  #detailsOf({ type }: SecurityEvent): object {
    if (type === 'verification') return { state: randomUUID() }
    const common = {
      event_timestamp: this.#seconds(),
      initiating_entity: 'admin',
      reason_admin: { en: 'Changed by an administrator of the local org' },
    }
    const isChange = type === 'credential-change'
    return { ...common, ...(isChange && { credential_type: 'password', change_type: 'update' }) }
  }

  #seconds(): number {
    return wholeSeconds(this.#org.clock.now()) / 1_000
  }
}

const EVENT_TYPES = 'https://schemas.openid.net/secevent'
const SHORT_NAMES: ReadonlyMap<string, string> = new Map<SecurityEventType, string>([
  ['session-revoked', `${EVENT_TYPES}/caep/event-type/session-revoked`],
  ['credential-change', `${EVENT_TYPES}/caep/event-type/credential-change`],
  ['verification', `${EVENT_TYPES}/ssf/event-type/verification`],
])

function uriOf(type: string): string {
  return SHORT_NAMES.get(type) ?? type
}

function signalHead({ url }: SignalsReceiver, { type }: SecurityEvent) {
  return { kind: 'security_event' as const, url, events: [uriOf(type)], isAccepted: isSuccess }
}

function logoutHead({ url }: LogoutReceiver) {
  return { kind: 'universal_logout' as const, url, isAccepted: isSuccess }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}
