/** OpenTelemetry spans of the stages, one a frame and stage, so that a trace shows a frame's way through the services. */
import { type Context, context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { positionText } from '../bus/position.ts'
import { describeError } from '../errors/errors.ts'
import type { Logger } from '../errors/logger.ts'
import type { Span, Tracer } from '../stage/run-stage.ts'

/** What a collector that is away may cost at the end. */
const exportWithinMs = 3000

/** Disposing sends what is left. */
export type OpenTracer = Tracer & AsyncDisposable

/**
 * Sends spans by OTLP over HTTP. Where to, and how, are OpenTelemetry's own variables: OTEL_EXPORTER_OTLP_ENDPOINT,
 * OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER. One a process. Traces are the last thing to fail for: a collector that is
 * away costs its spans and nothing else.
 */
export function openTracer(service: string, log: Pick<Logger, 'warn'>): OpenTracer {
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': `sightline-${service}` }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ timeoutMillis: exportWithinMs }))],
  })
  provider.register()
  const tracer = trace.getTracer('sightline')
  return {
    start(stage, delivery, { subject, id }): Span {
      const parent = propagation.extract(ROOT_CONTEXT, delivery.headers)
      const span = tracer.startSpan(
        `${stage} process`,
        {
          kind: SpanKind.CONSUMER,
          attributes: {
            'messaging.system': 'kafka',
            'messaging.destination.name': delivery.topic,
            'sightline.camera': delivery.key,
            [`sightline.${subject}.id`]: id,
            'sightline.position': positionText(delivery),
          },
        },
        parent,
      )
      return {
        headers: headersOf(trace.setSpan(parent, span)),
        end({ kind, reason, error }) {
          span.setAttribute('sightline.end', kind)
          if (reason !== null) span.setAttribute('sightline.reason', reason)
          if (error !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: error })
          span.end()
        },
        abandon(error) {
          span.setStatus({
            code: SpanStatusCode.ERROR,
            message: describeError(error),
          })
          span.end()
        },
      }
    },
    async [Symbol.asyncDispose]() {
      await provider.shutdown().catch((err: unknown) => {
        log.warn({ err }, 'the last traces could not be sent')
      })
      trace.disable()
      context.disable()
      propagation.disable()
    },
  }
}

function headersOf(active: Context): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  propagation.inject(active, headers)
  return headers
}
