/** What an answer of Okta's says beside its body. */
import type { AnswerHead } from '../contracts.js'
import { soleValue } from './answer-headers.js'
import type { Answered } from './exchange.js'
import { cleanerFor, type OperationSubject } from './question.js'
import { parseOktaTime, parseRateLimit } from './rate-limit.js'

export function readHead(question: OperationSubject, answer: Answered): AnswerHead {
  const requestId = requestIdOf(question, answer)
  const rateLimit = parseRateLimit(answer.headers)
  const oktaTime = parseOktaTime(answer.headers)
  return {
    status: answer.status,
    ...(requestId !== undefined && { requestId }),
    ...(rateLimit !== undefined && { rateLimit }),
    ...(oktaTime !== undefined && { oktaTime }),
    setCookies: answer.headers.get('set-cookie') ?? [],
  }
}

/** It goes into logs and metrics: nothing that could break a line or fill one, and nothing that we sent. */
function requestIdOf(question: OperationSubject, answer: Answered): string | undefined {
  const given = soleValue(answer.headers, 'x-okta-request-id')
  if (given === undefined || !REQUEST_ID.test(given)) return undefined
  return cleanerFor(question)(given) === given ? given : undefined
}

const REQUEST_ID = /^[\w.=+/@-]{1,128}$/
