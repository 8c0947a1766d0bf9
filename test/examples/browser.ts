/** As much of a browser as a server-rendered app needs: cookies, the headers browsers send, forms and redirects. */
import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
  request,
} from 'node:http'

export interface Visit {
  readonly url: string
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A form as it stands on a page. */
interface Form {
  readonly action: string
  readonly fields: Readonly<Record<string, string>>
}

/** How an exchange begins: node:http's request(), or one that connects elsewhere. */
export type Requester = (
  url: string,
  options: RequestOptions,
  onResponse: (response: IncomingMessage) => void,
) => ClientRequest

export class Browser {
  /** Cookies don't tell ports apart, so one jar serves the app and the org on localhost. */
  readonly cookies = new Map<string, string>()
  /** The page in view. */
  page: Visit = { url: 'about:blank', status: 0, headers: {}, body: '' }
  readonly #request: Requester

  constructor(requester: Requester = request) {
    this.#request = requester
  }

  /** Types an address, or follows a link, and the redirects behind it. */
  async go(address: string): Promise<Visit> {
    return this.#navigate('GET', this.#absolute(address))
  }

  /** Fills in the page's form with that action and sends it, as a button's press does. */
  async submit(action: string, filledIn: Readonly<Record<string, string>> = {}): Promise<Visit> {
    const form = formsOf(this.page.body).find((each) => each.action === action)
    if (form === undefined) throw new Error(`${this.page.url} has no form for ${action}`)
    const body = new URLSearchParams({ ...form.fields, ...filledIn }).toString()
    return this.#navigate('POST', this.#absolute(action), body)
  }

  /** What a script of the page does with fetch(). */
  async fetch(address: string, method = 'GET', json?: object): Promise<Visit> {
    const url = this.#absolute(address)
    const headers = {
      accept: '*/*',
      'sec-fetch-dest': 'empty',
      'sec-fetch-mode': 'cors',
      'sec-fetch-site': this.#site(url),
      ...(method !== 'GET' && { origin: new URL(this.page.url).origin }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
    }
    return this.send(method, url, headers, json && JSON.stringify(json))
  }

  /** One exchange: brings the cookies, keeps those that come back, follows nothing. */
  send(
    method: string,
    url: string,
    headers: OutgoingHttpHeaders = {},
    body?: string,
  ): Promise<Visit> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const sent = {
      ...headers,
      ...(cookie !== '' && { cookie }),
      ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
    }
    return new Promise((resolve, reject) => {
      const exchange = this.#request(url, { method, headers: sent, agent: false }, (res) => {
        const chunks: Buffer[] = []
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('error', reject)
        res.on('end', () => {
          for (const line of res.headers['set-cookie'] ?? []) this.#keep(line)
          const text = Buffer.concat(chunks).toString()
          resolve({ url, status: res.statusCode ?? 0, headers: res.headers, body: text })
        })
      })
      exchange.on('error', reject)
      exchange.end(body)
    })
  }

  async #navigate(method: string, to: string, form?: string): Promise<Visit> {
    let visit = await this.send(method, to, this.#navigationHeaders(to, form), form)
    for (let hops = 0; isRedirect(visit.status); hops += 1) {
      if (hops === 10) throw new Error(`${to} redirects in a circle`)
      const next = new URL(visit.headers.location ?? '', visit.url).href
      visit = await this.send('GET', next, this.#navigationHeaders(next))
    }
    this.page = visit
    return visit
  }

  #navigationHeaders(url: string, form?: string): OutgoingHttpHeaders {
    return {
      accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
      'upgrade-insecure-requests': '1',
      'sec-fetch-dest': 'document',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-site': this.#site(url),
      'sec-fetch-user': '?1',
      ...(form !== undefined && {
        'content-type': 'application/x-www-form-urlencoded',
        origin: this.#formOrigin(),
      }),
    }
  }

  /** Under `Referrer-Policy: no-referrer`, helmet's default, browsers hide even a form's own origin. */
  #formOrigin(): string {
    const hidden = this.page.headers['referrer-policy'] === 'no-referrer'
    return hidden ? 'null' : new URL(this.page.url).origin
  }

  #site(url: string): string {
    if (this.page.url === 'about:blank') return 'none'
    const [from, to] = [new URL(this.page.url), new URL(url)]
    if (from.origin === to.origin) return 'same-origin'
    return from.hostname === to.hostname ? 'same-site' : 'cross-site'
  }

  #absolute(address: string): string {
    return URL.canParse(address) ? address : new URL(address, this.page.url).href
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
    const [name = '', value = ''] = pair.split(/=(.*)/s)
    const ended = attributes.some((attribute) => {
      const [key = '', text = ''] = attribute.split(/=(.*)/s)
      if (/^max-age$/i.test(key)) return Number(text) <= 0
      return /^expires$/i.test(key) && Date.parse(text) <= Date.now()
    })
    if (ended) this.cookies.delete(name)
    else this.cookies.set(name, value)
  }
}

function isRedirect(status: number): boolean {
  return status === 302 || status === 303 || status === 307
}

function formsOf(page: string): Form[] {
  return [...page.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)].map(
    ([, tag = '', inner = '']) => ({
      action: attribute(tag, 'action') ?? '',
      fields: Object.fromEntries(
        [...inner.matchAll(/<input\b([^>]*)>/g)]
          .map(
            ([, input = '']) =>
              [attribute(input, 'name'), attribute(input, 'value') ?? ''] as const,
          )
          .flatMap(([name, value]) => (name === undefined ? [] : [[name, value]])),
      ),
    }),
  )
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1]
  return value?.replace(/&(?:quot|amp|#(\d+));/g, (entity, code?: string) => {
    if (code !== undefined) return String.fromCodePoint(Number(code))
    return entity === '&quot;' ? '"' : '&'
  })
}
