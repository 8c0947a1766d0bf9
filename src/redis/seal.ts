/** Seals what this package stores in Redis: values there can be neither read, nor forged, nor moved to another key. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'

/** Seals under the current secret, opens under both. */
export interface Sealer {
  /** The ids of the keys, the current one first. They begin sealed texts. */
  readonly keyIds: readonly string[]
  /**
   * `<keyId>.<base64url(iv | ciphertext | tag)>`. `boundTo`: the whole Redis key, and all text that is stored
   * in clear beside the value; the value opens with exactly the same.
   */
  seal(purpose: string, boundTo: string, text: string): string
  /** The text; undefined for a value that is forged, moved, damaged or sealed under another secret. */
  open(purpose: string, boundTo: string, sealed: string): string | undefined
  /** One sealed value per key id, for records that instances with either secret must read. */
  sealForAll(purpose: string, boundTo: string, text: string): ReadonlyMap<string, string>
}

interface SealingKey {
  readonly id: string
  readonly key: KeyObject
}

const KEY_PURPOSE = 'express-okta-session sealing key v1'
const ID_PURPOSE = 'express-okta-session sealing key id v1'
const KEY_BYTES = 32
const ID_BYTES = 6
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Keys are derived once. `secrets` are current and previous.
 *
 * @example
 * const { seal, open } = createSealer([secret], 'https://id.example.com')
 * open('entry', key, seal('entry', key, 'text')) // 'text'
 */
export function createSealer(secrets: readonly string[], orgOrigin: string): Sealer {
  const keys = secrets.map((secret) => deriveKey(secret, orgOrigin))
  const [current] = keys
  if (current === undefined) throw new TypeError('a shared store needs a secret')
  const byId = new Map(keys.map((key) => [key.id, key]))
  return {
    keyIds: [...byId.keys()],
    seal: (purpose, boundTo, text) => sealUnder(current, purpose, boundTo, text),
    open(purpose, boundTo, sealed) {
      const dot = sealed.indexOf('.')
      const key = byId.get(sealed.slice(0, Math.max(dot, 0)))
      return key && openUnder(key, purpose, boundTo, sealed.slice(dot + 1))
    },
    sealForAll(purpose, boundTo, text) {
      const sealAll = ([id, key]: [string, SealingKey]) =>
        [id, sealUnder(key, purpose, boundTo, text)] as const
      return new Map([...byId].map(sealAll))
    },
  }
}

function sealUnder(key: SealingKey, purpose: string, boundTo: string, text: string): string {
  const bound = joined(purpose, boundTo)
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', valueKey(key, bound), iv, OPTIONS)
  cipher.setAAD(bound)
  const body = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `${key.id}.${body.toString('base64url')}`
}

const OPTIONS = { authTagLength: TAG_BYTES }

function openUnder(
  key: SealingKey,
  purpose: string,
  boundTo: string,
  encoded: string,
): string | undefined {
  const body = Buffer.from(encoded, 'base64url')
  // Node's decoder accepts malformed base64url: exactly one text stands for a value.
  if (body.length < IV_BYTES + TAG_BYTES || body.toString('base64url') !== encoded) return undefined
  const bound = joined(purpose, boundTo)
  const iv = body.subarray(0, IV_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', valueKey(key, bound), iv, OPTIONS)
  decipher.setAAD(bound)
  decipher.setAuthTag(body.subarray(-TAG_BYTES))
  try {
    const text = decipher.update(body.subarray(IV_BYTES, -TAG_BYTES))
    return Buffer.concat([text, decipher.final()]).toString('utf8')
  } catch {
    // The tag does not fit: the value, or what it is bound to, was changed.
    return undefined
  }
}

/** A key of its own for each place: random IVs of one key may collide after 2^32 values, a month of a busy app. */
function valueKey({ key }: SealingKey, bound: Buffer): KeyObject {
  return createSecretKey(createHmac('sha256', key).update(bound).digest())
}

function deriveKey(secret: string, orgOrigin: string): SealingKey {
  const derive = (purpose: string, length: number) =>
    Buffer.from(hkdfSync('sha256', secret, '', joined(purpose, orgOrigin), length))
  return {
    id: derive(ID_PURPOSE, ID_BYTES).toString('base64url'),
    key: createSecretKey(derive(KEY_PURPOSE, KEY_BYTES)),
  }
}

/** Writes the length before each part: different parts never give the same bytes. */
function joined(...parts: readonly string[]): Buffer {
  return Buffer.from(parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join(''))
}
