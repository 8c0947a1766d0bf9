/** Okta's session in Nest 11 on Express: a guard over check(), its rule, and the session as a parameter. */
import {
  type ArgumentsHost,
  applyDecorators,
  type CanActivate,
  Catch,
  createParamDecorator,
  type DynamicModule,
  type ExceptionFilter,
  type ExecutionContext,
  HttpException,
  Inject,
  Injectable,
  Module,
  type OnApplicationShutdown,
  SetMetadata,
  UseFilters,
  UseGuards,
} from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import type { Request, Response } from 'express'
import type { OktaSession, Reply, Session, SessionRule } from 'express-okta-session'

/** The token under which the instance is injected. */
export const OKTA = Symbol('OKTA')
const RULE = Symbol('RULE')

/** What a guard let through: the request, the method that it goes to, and the session. */
interface Passed {
  readonly controller: object
  readonly method: object
  readonly session: Session
}

const passed = new WeakMap<Request, Passed>()

/** A denied request, thrown as Nest's guards do. */
export class SessionDeniedException extends HttpException {
  readonly reply: Reply

  constructor(reply: Reply) {
    super('The session does not meet the rule', reply.status)
    this.reply = reply
  }
}

/** Sends a denial as okta.requireSession() would: status, headers and body. */
@Catch(SessionDeniedException)
export class SessionDeniedFilter implements ExceptionFilter<SessionDeniedException> {
  catch({ reply }: SessionDeniedException, host: ArgumentsHost): void {
    const res = host.switchToHttp().getResponse<Response>()
    setHeaders(res, reply.headers)
    res.status(reply.status).end(reply.body)
  }
}

/** Asks for a session that meets the rules of the controller and of its method, all of them. */
@Injectable()
export class SessionGuard implements CanActivate {
  readonly #okta: OktaSession
  readonly #reflector: Reflector

  constructor(@Inject(OKTA) okta: OktaSession, @Inject(Reflector) reflector: Reflector) {
    this.#okta = okta
    this.#reflector = reflector
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp()
    const req = http.getRequest<Request>()
    const controller = context.getClass()
    const method = context.getHandler()
    // Nest calls the guard once for each decorator: the first call has checked all rules.
    const before = passed.get(req)
    if (before?.controller === controller && before.method === method) return true
    const rules = this.#reflector.getAll<(SessionRule | undefined)[]>(RULE, [controller, method])
    let session: Session | undefined
    for (const rule of rules) {
      const decision = await (rule ? this.#okta.check(req, rule) : this.#okta.check(req))
      if (!decision.ok) throw new SessionDeniedException(decision.reply)
      setHeaders(http.getResponse<Response>(), decision.headers)
      session = decision.session
    }
    if (session === undefined) return false
    passed.set(req, { controller, method, session })
    return true
  }
}

/**
 * Guards a controller or a method: `@RequireSession({ mfa: true })`. The filter stands here, because one of the
 * module would come after a global filter of the app's own that catches everything.
 */
export function RequireSession(rule?: SessionRule) {
  return applyDecorators(
    SetMetadata(RULE, rule),
    UseGuards(SessionGuard),
    UseFilters(SessionDeniedFilter),
  )
}

/** The session as a parameter of a guarded method. Nest's own `@Session()` is that of express-session. */
export const CurrentSession = createParamDecorator((_data: unknown, context: ExecutionContext) => {
  const found = passed.get(context.switchToHttp().getRequest<Request>())
  if (found === undefined) throw new TypeError('Put @RequireSession() in front of this method')
  return found.session
})

/** Gives the app the instance, and closes it with the app. */
@Module({})
export class OktaSessionModule implements OnApplicationShutdown {
  readonly #okta: OktaSession

  constructor(@Inject(OKTA) okta: OktaSession) {
    this.#okta = okta
  }

  static forRoot(okta: OktaSession): DynamicModule {
    const providers = [{ provide: OKTA, useValue: okta }]
    return { module: OktaSessionModule, global: true, providers, exports: [OKTA] }
  }

  onApplicationShutdown(): Promise<void> {
    return this.#okta.close()
  }
}

/** Adds to what the app has set. */
function setHeaders(res: Response, headers: Reply['headers']): void {
  for (const [name, value] of Object.entries(headers)) {
    if (name === 'vary') res.vary(String(value))
    else if (name === 'set-cookie') res.append(name, typeof value === 'string' ? value : [...value])
    else res.set(name, String(value))
  }
}
