/** Spans of lookups, calls to Okta and store commands, under the span that is active where they begin. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel'
import {
  type Attributes,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import {
  type CallTraceMessage,
  channels,
  type LookupMessage,
  type StoreCommandMessage,
} from '../channels.js'
import {
  callAttributes,
  callEndAttributes,
  commandAttributes,
  commandEndAttributes,
  lookupAttributes,
  lookupEndAttributes,
  REQUEST_OF,
} from './attributes.js'

/** How the spans of a tracing channel look. */
interface SpanShape<M> {
  readonly kind: SpanKind
  name(message: M): string
  begin(message: M): Attributes
  end(message: M): Attributes
}

const lookupSpan: SpanShape<LookupMessage> = {
  kind: SpanKind.INTERNAL,
  name: () => 'okta_session.lookup',
  begin: lookupAttributes,
  end: lookupEndAttributes,
}

const callSpan: SpanShape<CallTraceMessage> = {
  kind: SpanKind.CLIENT,
  name({ operation }) {
    const { method, template } = REQUEST_OF[operation]
    return `${method} ${template}`
  },
  begin: callAttributes,
  end(message) {
    const { requestId } = message
    return {
      ...callEndAttributes(message),
      ...(requestId !== undefined && { 'okta_session.request_id': requestId }),
    }
  },
}

const commandSpan: SpanShape<StoreCommandMessage> = {
  kind: SpanKind.CLIENT,
  name: ({ command }) => command,
  begin: commandAttributes,
  end: commandEndAttributes,
}

/** Begins to make spans. Returns how to end it. */
export function recordSpans(tracer: Tracer): () => void {
  /** The span of the lookup or call that encloses what runs. */
  const enclosing = new AsyncLocalStorage<Span>()
  const ends = [
    follow(tracingChannel(channels.lookup), lookupSpan),
    follow(tracingChannel(channels.call), callSpan),
    follow(tracingChannel(channels.storeCommand), commandSpan),
  ]
  return () => {
    for (const end of ends) end()
  }

  function follow<M extends object>(
    channel: TracingChannel<unknown, M>,
    { kind, name, begin, end }: SpanShape<M>,
  ): () => void {
    const spans = new WeakMap<M, Span>()
    const start = (message: M): Span => {
      const parent = enclosing.getStore()
      const active = context.active()
      const span = tracer.startSpan(
        name(message),
        { kind, attributes: begin(message) },
        parent === undefined ? active : trace.setSpan(active, parent),
      )
      spans.set(message, span)
      return span
    }
    const finish = (message: unknown) => {
      const span = spans.get(message as M)
      if (span === undefined) return
      const attributes = end(message as M)
      span.setAttributes(attributes)
      const error = attributes['error.type']
      if (error !== undefined)
        span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) })
      span.end()
    }
    // Binding the store runs start() in the context of the caller, and what is traced runs inside the span.
    channel.start.bindStore(enclosing, start)
    channel.asyncEnd.subscribe(finish)
    return () => {
      channel.start.unbindStore(enclosing)
      channel.asyncEnd.unsubscribe(finish)
    }
  }
}
