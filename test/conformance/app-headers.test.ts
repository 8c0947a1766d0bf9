/** Headers that the app sets beside the guard, and errors of handlers, in each framework with an adapter. */
import { once } from 'node:events'
import type { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { type ArgumentsHost, Catch, Controller, Get, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import type { Request, Response } from 'express'
import { type OktaSession, oktaSession } from 'express-okta-session'
import { createLocalOrg, type LocalOrg } from 'express-okta-session/local-org'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as fastifyAdapter from '../../examples/fastify/adapter.js'
import * as honoAdapter from '../../examples/hono/adapter.js'
import * as koaAdapter from '../../examples/koa/adapter.js'
import * as nestAdapter from '../../examples/nest/adapter.js'

let org: LocalOrg
let okta: OktaSession
beforeAll(async () => {
  org = await createLocalOrg()
  okta = oktaSession({ orgUrl: org.url, logger: false })
})
afterAll(async () => {
  await okta.close()
  await org.close()
})

const failing = (_req: unknown, _res: unknown, next: (error?: unknown) => void) =>
  next(new Error('on purpose'))
const passing = (_req: unknown, _res: unknown, next: (error?: unknown) => void) => next()

@Controller()
class NestRoutes {
  @Get()
  @nestAdapter.RequireSession()
  passed() {
    return 'passed'
  }
}

/** An app's own filter for all errors. */
@Catch()
class NestErrors {
  catch(error: Error & { status?: number }, host: ArgumentsHost): void {
    const res = host.switchToHttp().getResponse<Response>()
    res.status(error.status ?? 500).send(`handled: ${error.message}`)
  }
}

/** Each sets `Vary: Origin` and a cookie before the guard, and names its own errors. */
const apps: Readonly<Record<string, () => Promise<ReturnType<typeof createServer>>>> = {
  async Fastify() {
    const app = fastify()
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('vary', 'Origin').header('set-cookie', 'own=1')
    })
    app.setErrorHandler((error, _request, reply) =>
      reply.code(500).send(`handled: ${error instanceof Error ? error.message : ''}`),
    )
    app.get('/', { onRequest: fastifyAdapter.requireSession(okta) }, async () => 'passed')
    app.register(fastifyAdapter.oktaRoutes({ '/fails': failing, '/passes': passing }))
    await app.listen({ port: 0, host: '127.0.0.1' })
    return app.server
  },
  async Koa() {
    const app = new Koa({ asyncLocalStorage: false })
    app.silent = true
    app.use(async (ctx, next) => {
      ctx.vary('Origin')
      ctx.append('set-cookie', 'own=1')
      try {
        await next()
      } catch (error) {
        ctx.status = 500
        ctx.body = `handled: ${error instanceof Error ? error.message : ''}`
      }
    })
    app.use(async (ctx, next) => {
      if (ctx.path === '/fails') return koaAdapter.lend(failing)(ctx, next)
      if (ctx.path === '/passes') return koaAdapter.lend(passing)(ctx, next)
      return koaAdapter.requireSession(okta)(ctx, async () => {
        ctx.body = 'passed'
      })
    })
    return app.listen(0, '127.0.0.1')
  },
  async Hono() {
    const app = new Hono<honoAdapter.OktaEnv>()
    app.use(async (c, next) => {
      await next()
      // The route sets its own before the guard adds to them.
      if (c.res.status !== 401) return
      c.res.headers.append('vary', 'Origin')
      c.res.headers.append('set-cookie', 'own=1')
    })
    app.onError((error, c) => c.text(`handled: ${error.message}`, 500))
    app.get('/', honoAdapter.requireSession(okta), (c) => {
      c.header('vary', 'Origin')
      c.header('set-cookie', 'own=1')
      return c.text('passed')
    })
    app.all('/fails', honoAdapter.lend(failing))
    app.all('/passes', honoAdapter.lend(passing))
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    return server as ReturnType<typeof createServer>
  },
  async Nest() {
    @Module({ imports: [nestAdapter.OktaSessionModule.forRoot(okta)], controllers: [NestRoutes] })
    class NestApp {}
    const app = await NestFactory.create(NestApp, { logger: false })
    app.use((_req: Request, res: Response, next: () => void) => {
      res.vary('Origin').append('set-cookie', 'own=1')
      next()
    })
    app.use('/fails', failing)
    app.use('/passes', passing)
    app.useGlobalFilters(new NestErrors())
    return app.listen(0, '127.0.0.1')
  },
}

describe.each(Object.entries(apps))('in %s', (_name, start) => {
  it('the app keeps its Vary and its cookie, and its error handler gets the error of a handler', async () => {
    const server = await start()
    if (!server.listening) await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    for (const cookie of ['', org.signIn('alice@example.com')]) {
      const answer = await fetch(url, { headers: { cookie } })
      await answer.text()
      expect(answer.status).toBe(cookie === '' ? 401 : 200)
      expect(answer.headers.get('vary')).toMatch(/Origin/)
      expect(answer.headers.get('vary')).toMatch(/Cookie/i)
      expect(answer.headers.getSetCookie()).toContain('own=1')
      expect(answer.headers.get('cache-control')).toBe('private, no-store')
    }
    const failed = await fetch(`${url}/fails`)
    expect([failed.status, await failed.text()]).toEqual([500, 'handled: on purpose'])
    const passed = await fetch(`${url}/passes`)
    expect(passed.status).toBe(404)
    await passed.text()
    server.closeAllConnections()
    server.close()
  })
})
