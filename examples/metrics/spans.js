/** Spans on the console, to look at them. In production an exporter for your backend takes its place. */
import {
  ConsoleSpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'

/** Registered, the provider also follows which span is active, so that spans have parents. */
export function printSpans() {
  const exporter = new ConsoleSpanExporter()
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  provider.register()
  return provider
}
