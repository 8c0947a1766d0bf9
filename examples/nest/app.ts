/** A Nest app with a page for everybody, one for users, and one for users with a second factor. */
import {
  Controller,
  type DynamicModule,
  Get,
  Inject,
  type MiddlewareConsumer,
  Module,
  type NestModule,
} from '@nestjs/common'
import type { OktaSession, Session } from 'express-okta-session'
import { CurrentSession, OKTA, OktaSessionModule, RequireSession } from './adapter.js'

@Controller()
class HomeController {
  @Get()
  home() {
    return 'Hello'
  }
}

@Controller()
@RequireSession()
class AccountController {
  @Get('account')
  account(@CurrentSession() { login }: Session) {
    return { login }
  }

  @Get('admin')
  @RequireSession({ mfa: true })
  admin(@CurrentSession() { login }: Session) {
    return { administrator: login }
  }
}

@Module({ controllers: [HomeController, AccountController] })
export class AppModule implements NestModule {
  readonly #okta: OktaSession

  constructor(@Inject(OKTA) okta: OktaSession) {
    this.#okta = okta
  }

  static with(okta: OktaSession): DynamicModule {
    return { module: AppModule, imports: [OktaSessionModule.forRoot(okta)] }
  }

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(this.#okta.logout()).forRoutes('logout')
    consumer.apply(this.#okta.refresh()).forRoutes('session/refresh')
    consumer.apply(this.#okta.sessionInfo()).forRoutes('session')
  }
}
