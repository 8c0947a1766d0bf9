/** One app, written for each framework: three guarded routes and the handlers. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { serve } from '@hono/node-server'
import { All, Controller, type MiddlewareConsumer, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import connect from 'connect'
import express from 'express'
import type { Handler, OktaSession, SessionRule } from 'express-okta-session'
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import * as fastifyAdapter from '../../examples/fastify/adapter.js'
import * as honoAdapter from '../../examples/hono/adapter.js'
import * as koaAdapter from '../../examples/koa/adapter.js'
import * as nestAdapter from '../../examples/nest/adapter.js'

/** What stands behind the guard of each path. */
export const RULES: Readonly<Record<string, SessionRule | undefined>> = {
  '/account': undefined,
  '/admin': { mfa: true },
  '/never': { allow: () => false },
}

/** The body of a request that passed. */
const PASSED = 'passed'

function handlersOf(okta: OktaSession): Readonly<Record<string, Handler>> {
  return {
    '/login': okta.login(),
    '/logout': okta.logout(),
    '/refresh': okta.refresh(),
    '/session': okta.sessionInfo(),
  }
}

function guardOf(okta: OktaSession, rule: SessionRule | undefined): Handler {
  return rule === undefined ? okta.requireSession() : okta.requireSession(rule)
}

/** A server that is not listening yet, and whether it speaks HTTP/2. */
export interface Framework {
  readonly server: ReturnType<typeof createServer> | ReturnType<typeof createHttp2Server>
  readonly http2?: boolean
}

type Start = (okta: OktaSession) => Framework | Promise<Framework>

@Controller()
class NestRoutes {
  @All('account')
  @nestAdapter.RequireSession()
  account() {
    return PASSED
  }

  @All('admin')
  @nestAdapter.RequireSession(RULES['/admin'])
  admin() {
    return PASSED
  }

  @All('never')
  @nestAdapter.RequireSession(RULES['/never'])
  never() {
    return PASSED
  }
}

export const frameworks: Readonly<Record<string, Start>> = {
  'Express 5': (okta) => ({ server: createServer(expressApp(express(), okta)) }),
  // The types of the two versions differ; what the app calls does not.
  'Express 4': (okta) => ({ server: createServer(expressApp(express4() as never, okta)) }),
  Connect(okta) {
    const app = connect()
    for (const [path, rule] of Object.entries(RULES)) {
      app.use(path, guardOf(okta, rule))
      app.use(path, (_req: IncomingMessage, res: ServerResponse) => res.end(PASSED))
    }
    for (const [path, handler] of Object.entries(handlersOf(okta))) app.use(path, handler)
    return { server: createServer(app) }
  },
  'node:http': (okta) => ({ server: createServer(plain(okta)) }),
  'HTTP/2'(okta) {
    const listener = plain(okta)
    // The compatibility API hands over what node:http does.
    const server = createHttp2Server((req, res) => listener(req as never, res as never))
    return { server, http2: true }
  },
  async Fastify(okta) {
    const app = fastify()
    app.register(fastifyAdapter.oktaRoutes(handlersOf(okta)))
    app.register((scope, _options, done) => {
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null))
      for (const [path, rule] of Object.entries(RULES))
        scope.all(
          path,
          { onRequest: fastifyAdapter.requireSession(okta, rule) },
          async () => PASSED,
        )
      done()
    })
    await app.ready()
    return { server: app.server }
  },
  Koa(okta) {
    const app = new Koa()
    const handlers = handlersOf(okta)
    app.use(async (ctx) => {
      const handler = handlers[ctx.path]
      if (handler !== undefined) return koaAdapter.lend(handler)(ctx, async () => {})
      return koaAdapter.requireSession(okta, RULES[ctx.path])(ctx, async () => {
        ctx.body = PASSED
      })
    })
    return { server: createServer(app.callback()) }
  },
  Hono(okta) {
    const app = new Hono<honoAdapter.OktaEnv>()
    for (const [path, rule] of Object.entries(RULES))
      app.all(path, honoAdapter.requireSession(okta, rule), (c) => c.body(PASSED))
    for (const [path, handler] of Object.entries(handlersOf(okta)))
      app.all(path, honoAdapter.lend(handler))
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    return { server: server as ReturnType<typeof createServer> }
  },
  async Nest(okta) {
    @Module({ imports: [nestAdapter.OktaSessionModule.forRoot(okta)], controllers: [NestRoutes] })
    class NestApp {
      configure(consumer: MiddlewareConsumer): void {
        for (const [path, handler] of Object.entries(handlersOf(okta)))
          consumer.apply(handler).forRoutes(path)
      }
    }
    const app = await NestFactory.create(NestApp, { bodyParser: false, logger: false })
    await app.init()
    return { server: app.getHttpServer() }
  },
}

function expressApp(app: express.Express, okta: OktaSession): express.Express {
  for (const [path, rule] of Object.entries(RULES))
    app.all(path, guardOf(okta, rule), (_req, res) => void res.end(PASSED))
  for (const [path, handler] of Object.entries(handlersOf(okta))) app.all(path, handler)
  return app
}

/** Without a router. */
function plain(okta: OktaSession) {
  const guards = Object.fromEntries(
    Object.entries(RULES).map(([path, rule]) => [path, guardOf(okta, rule)]),
  )
  const handlers = handlersOf(okta)
  return (req: IncomingMessage, res: ServerResponse) => {
    const path = req.url?.split('?', 1)[0] ?? ''
    const handler = guards[path] ?? handlers[path]
    const passed = path in guards ? PASSED : ''
    handler?.(req, res, (error) => {
      if (error) res.statusCode = 500
      else if (passed === '') res.statusCode = 404
      res.end(passed)
    })
  }
}
