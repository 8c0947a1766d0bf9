/** Runs an operation and publishes its start, its end and its failure on a tracing channel of node:diagnostics_channel. */
import type { TracingChannel } from 'node:diagnostics_channel'

/** What a tracing channel publishes: one object for each operation, filled in before its end. */
export interface Traced {
  /** Why the operation has no usable result. It holds no secret. */
  error?: Error | undefined
}

/** How an operation ended. */
export interface TracedEnd<M> {
  readonly fields: Partial<M>
  readonly error?: Error | undefined
}

/** Whether anything listens to the operation. */
export function isTraced<M extends Traced>(channel: TracingChannel<unknown, M>): boolean {
  const { start, end, asyncStart, asyncEnd, error } = channel
  return [start, asyncEnd, error, end, asyncStart].some(({ hasSubscribers }) => hasSubscribers)
}

/**
 * Node's own `tracePromise` publishes the result, which may hold a session or a credential; this publishes
 * what `ended` says of it. Stores bound to the start are those of `run` and of all that it awaits. The caller
 * checks for subscribers first.
 */
export function trace<M extends Traced, T>(
  channel: TracingChannel<unknown, M>,
  message: M,
  run: () => Promise<T>,
  ended: (outcome: { readonly result: T } | { readonly thrown: unknown }) => TracedEnd<M>,
): Promise<T> {
  return channel.start.runStores(message, () => {
    const running = run().then(
      (result) => {
        publishEnd(ended({ result }))
        return result
      },
      (thrown: unknown) => {
        publishEnd(ended({ thrown }))
        throw thrown
      },
    )
    channel.end.publish(message)
    return running
  })

  function publishEnd({ fields, error }: TracedEnd<M>): void {
    Object.assign(message, fields)
    if (error !== undefined) {
      message.error = error
      channel.error.publish(message)
    }
    channel.asyncStart.publish(message)
    channel.asyncEnd.publish(message)
  }
}
