/** Writes an answer to the socket, completely or with a connection fault. */
import type { ServerResponse } from 'node:http'
import type { ConnectionFault, Fault } from '../faults/fault.js'
import type { Answer } from '../http/answer.js'
import { bytesOf, firstHalf } from './fault-answer.js'

/** Calls back after `ms` milliseconds, unless the connection closes before. */
export function after(ms: number, res: ServerResponse, callback: () => void): void {
  const cancel = () => clearTimeout(timer)
  const timer = setTimeout(() => {
    res.off('close', cancel)
    callback()
  }, ms)
  res.once('close', cancel)
}

export function deliver(res: ServerResponse, answer: Answer, fault: Fault | undefined): void {
  if (res.destroyed || res.headersSent) return
  switch (fault?.kind) {
    case 'hang':
      return
    case 'reset':
      res.socket?.resetAndDestroy()
      return
    case 'not_http':
      res.socket?.end('\0\x01 this is not HTTP \r\n\r\n')
      return
    case 'slow_body':
      writeSlowly(res, answer, fault.overMs)
      return
    case 'truncated_body':
      writeHalf(res, answer)
      return
    default:
      writeHead(res, answer)
      res.end(answer.body)
  }
}

/** Whether a fault replaces the whole answer, so that no status is sent. */
export function sendsNoAnswer(
  fault: Fault,
): fault is Fault & Extract<ConnectionFault, { kind: 'hang' | 'reset' | 'not_http' }> {
  return fault.kind === 'hang' || fault.kind === 'reset' || fault.kind === 'not_http'
}

function writeHead(res: ServerResponse, answer: Answer): void {
  // serve.ts sets Date from the org's clock.
  res.sendDate = false
  const length = String(Buffer.byteLength(answer.body))
  const headers = answer.headers.flat()
  if (answer.status !== 204 && answer.status !== 304) headers.push('content-length', length)
  // A flat list preserves the order and repeated names.
  res.writeHead(answer.status, headers)
}

const CHUNKS = 10

function writeSlowly(res: ServerResponse, answer: Answer, overMs: number): void {
  writeHead(res, answer)
  res.flushHeaders()
  const bytes = bytesOf(answer)
  const size = Math.ceil(bytes.length / CHUNKS)
  const writeFrom = (start: number): void => {
    if (start >= bytes.length) {
      res.end()
      return
    }
    res.write(bytes.subarray(start, start + size))
    after(overMs / CHUNKS, res, () => writeFrom(start + size))
  }
  after(overMs / CHUNKS, res, () => writeFrom(0))
}

function writeHalf(res: ServerResponse, answer: Answer): void {
  writeHead(res, answer)
  res.write(firstHalf(bytesOf(answer)), () => res.socket?.destroySoon())
}
