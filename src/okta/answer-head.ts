/** What an answer of Okta's says beside its body. */
import type { AnswerHead } from '../model/contracts.js'
import { soleValue } from './answer-headers.js'
import type { Answered } from './exchange.js'
import { parseOktaTime, parseRateLimit } from './rate-limit.js'

export function readHead(answer: Answered): AnswerHead {
  const requestId = soleValue(answer.headers, 'x-okta-request-id')
  const rateLimit = parseRateLimit(answer.headers)
  const oktaTime = parseOktaTime(answer.headers)
  return {
    status: answer.status,
    ...(requestId !== undefined && REQUEST_ID.test(requestId) && { requestId }),
    ...(rateLimit !== undefined && { rateLimit }),
    ...(oktaTime !== undefined && { oktaTime }),
    setCookies: answer.headers.get('set-cookie') ?? [],
  }
}

/** It goes into logs: nothing that could break a line or fill one. */
const REQUEST_ID = /^[\w.=+/@-]{1,128}$/
