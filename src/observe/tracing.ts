/**
 * Traces, through OpenTelemetry's api alone: which SDK there is, whether there is one, and where spans go is the affair of whoever
 * starts the process (docs/guides/tracing.md). Without one nothing is spent on them. Knows what spans are, not what they are of.
 */
import {
  ProxyTracerProvider,
  SpanStatusCode,
  trace,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api'

const NAME = 'regent'
/** Milliseconds that a stop waits for spans to be sent. */
const PATIENCE = 5000

/** @returns undefined where no SDK was registered until now */
export function findTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider()
  return provider instanceof ProxyTracerProvider ? provider.getDelegateTracer(NAME) : provider.getTracer(NAME)
}

/** A span of its own within that of a request, where there is one that is recorded; else the work alone. */
export async function inSpan<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  if (trace.getActiveSpan()?.isRecording() !== true) return work()
  return trace.getTracer(NAME).startActiveSpan(name, async (span) => {
    try {
      return await work()
    } catch (error) {
      // Its name only: nobody knows what a message holds.
      span.setStatus({ code: SpanStatusCode.ERROR })
      span.setAttribute('error.type', error instanceof Error ? error.name : '_OTHER')
      throw error
    } finally {
      span.end()
    }
  })
}

/** Sends what waits to be sent, where the SDK can; for a while. Never rejects. */
export async function flushTraces(): Promise<void> {
  const provider = trace.getTracerProvider()
  const registered = provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider
  // The api has no word for it; each SDK's provider does.
  const { forceFlush } = registered as TracerProvider & { forceFlush?: () => Promise<void> }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE)
  })
  await Promise.race([late, forceFlush?.call(registered)]).catch(() => {})
  clearTimeout(timer)
}
