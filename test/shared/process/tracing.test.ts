import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import type { Delivery } from '../../../shared/bus/bus.ts'
import { openTracer } from '../../../shared/process/tracing.ts'

const delivery: Delivery = {
  topic: 'frames',
  partition: 0,
  offset: 5n,
  timestamp: 0,
  key: 'cam-1',
  value: null,
  headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
}

test('a frame’s trace goes on in a span of the stage, which the collector is sent', async () => {
  const bodies: string[] = []
  const collector = createServer((request, response) => {
    text(request).then((body) => {
      bodies.push(body)
      response.end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
  try {
    const tracer = openTracer('detector', { warn: () => undefined })
    const span = tracer.start('detector', delivery, { subject: 'frame', id: 'cam-1@frames-0-5' })
    expect(span.headers['traceparent']).toMatch(
      /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/,
    )
    const known = {
      id: 'cam-1@frames-0-5',
      position: 'frames-0-5',
      traceparent: undefined,
      outputs: 0,
      ageSeconds: null,
    }
    span.end({ ...known, kind: 'failed', reason: 'IMAGE_UNREADABLE', error: 'not a picture' })
    const other = tracer.start('detector', { ...delivery, headers: {} }, { subject: 'frame', id: 'cam-1@frames-0-6' })
    expect(other.headers['traceparent']).toMatch(
      /^00-(?!0af7651916cd43dd8448eb211c80319c)[0-9a-f]{32}-[0-9a-f]{16}-01$/,
    )
    other.abandon(new Error('the gallery is away'))
    await tracer[Symbol.asyncDispose]()
    const sent = bodies.join('')
    for (const expected of [
      'sightline-detector',
      '0af7651916cd43dd8448eb211c80319c',
      'b7ad6b7169203331',
      'detector process',
      'sightline.frame.id',
      'cam-1@frames-0-5',
      'not a picture',
      'the gallery is away',
    ]) {
      expect(sent).toContain(expected)
    }
  } finally {
    delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT']
    collector.close()
  }
})

test('a collector that is away costs its spans and nothing else', async () => {
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = 'http://127.0.0.1:1'
  try {
    const warnings: string[] = []
    const tracer = openTracer('detector', { warn: (_fields, message) => warnings.push(message) })
    const span = tracer.start('detector', delivery, { subject: 'frame', id: 'cam-1@frames-0-5' })
    const known = {
      id: 'cam-1@frames-0-5',
      position: 'frames-0-5',
      traceparent: undefined,
      outputs: 0,
      ageSeconds: null,
    }
    span.end({ ...known, kind: 'done', reason: null, error: null })
    await tracer[Symbol.asyncDispose]()
    expect(warnings).toEqual(['the last traces could not be sent'])
  } finally {
    delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT']
  }
})
