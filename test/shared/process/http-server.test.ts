import { afterEach, describe, expect, test } from 'vitest'
import { SightlineError } from '../../../shared/errors/errors.ts'
import { Health } from '../../../shared/process/health.ts'
import { type HttpServer, openHttpServer, processRoutes } from '../../../shared/process/http-server.ts'
import { openLog } from '../../../shared/process/log.ts'
import { Metrics } from '../../../shared/process/metrics.ts'
import type { MessageEnd } from '../../../shared/stage/run-stage.ts'

const open: HttpServer[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server[Symbol.asyncDispose]()
})

async function serve() {
  const health = new Health()
  const metrics = new Metrics(health)
  const lines: string[] = []
  const log = openLog('test', 'info', (line) => lines.push(line))
  const server = await openHttpServer({ host: '127.0.0.1', port: 0, routes: processRoutes(health, metrics), log })
  open.push(server)
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`)
    return { status: response.status, text: await response.text() }
  }
  return { health, metrics, get, server, log }
}

const away = () => Promise.reject(new SightlineError('STATE_UNAVAILABLE', 'Redis does not answer', { retryable: true }))
const fine = () => Promise.resolve()

describe('/readyz', () => {
  test('is not ready while the service starts, and says what it waits for', async () => {
    const { health, get } = await serve()
    health.waitingFor = 'Kafka: no broker answers'
    expect(await get('/readyz')).toMatchObject({ status: 503 })
    expect(JSON.parse((await get('/readyz')).text)).toMatchObject({
      status: 'starting',
      waitingFor: 'Kafka: no broker answers',
    })
    expect((await get('/livez')).status).toBe(200)
  })

  test('is ready when all that is needed answers', async () => {
    const { health, get } = await serve()
    health.add({ name: 'kafka', isRequired: true, check: fine })
    health.phase = 'running'
    expect(await get('/readyz')).toMatchObject({ status: 200 })
    expect(JSON.parse((await get('/readyz')).text)).toEqual({
      status: 'ready',
      checks: [{ name: 'kafka', isRequired: true, problem: null }],
    })
  })

  test('is degraded, not away, without what it can do without', async () => {
    const { health, get } = await serve()
    health.add({ name: 'redis', isRequired: false, check: away })
    health.phase = 'running'
    const { status, text } = await get('/readyz')
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ status: 'degraded', checks: [{ problem: 'Redis does not answer' }] })
  })

  test('is not ready without what it needs, also when that does not answer at all', async () => {
    const { health, get } = await serve()
    health.add({ name: 'kafka', isRequired: true, check: () => new Promise(() => undefined) })
    health.phase = 'running'
    const { status, text } = await get('/readyz')
    expect(status).toBe(503)
    expect(JSON.parse(text)).toMatchObject({ status: 'not ready', checks: [{ problem: 'no answer within 2 s' }] })
  })
})

const end = (kind: MessageEnd['kind'], reason: string | null, ageSeconds: number | null = null): MessageEnd => ({
  id: 'cam@frames-0-1',
  position: 'frames-0-1',
  traceparent: undefined,
  kind,
  reason,
  error: null,
  outputs: kind === 'done' || kind === 'skipped' ? 1 : 0,
  ageSeconds,
})

describe('/metrics', () => {
  test('counts how messages ended', async () => {
    const { metrics, get } = await serve()
    metrics.observe({
      stage: 'detector',
      subject: 'frame',
      seconds: 0.2,
      ends: [
        end('done', null, 0.3),
        end('skipped', 'stale', 20),
        end('failed', 'IMAGE_UNREADABLE'),
        end('dropped', 'duplicate'),
      ],
    })
    metrics.observeNetworkBatch('detector', 3)
    const { text } = await get('/metrics')
    for (const line of [
      'sightline_messages_in_total{stage="detector"} 4',
      'sightline_messages_out_total{stage="detector"} 2',
      'sightline_messages_dead_total{stage="detector",code="IMAGE_UNREADABLE"} 1',
      'sightline_messages_dropped_total{stage="detector",reason="duplicate"} 1',
      'sightline_frames_skipped_total{stage="detector",reason="stale"} 1',
      'sightline_batch_size_sum{stage="detector"} 4',
      'sightline_stage_seconds_sum{stage="detector"} 0.2',
      'sightline_frame_age_seconds_sum{stage="detector"} 20.3',
      'sightline_network_batch_size_sum{stage="detector"} 3',
    ]) {
      expect(text).toContain(line)
    }
    expect(text).toContain('nodejs_eventloop_lag')
  })

  test('tells the age of the oldest message that waits, the lag, and what answers', async () => {
    const { metrics, health, get } = await serve()
    health.add({ name: 'kafka', isRequired: true, check: fine })
    health.add({ name: 'redis', isRequired: false, check: away })
    const subscription = {
      closed: Promise.resolve(),
      oldest: () => 1_000,
      lag: () => Promise.resolve(7),
      lost: () => 3,
      troubles: () => [],
      [Symbol.asyncDispose]: fine,
    }
    metrics.watch({ name: 'detector', subscription, network: null }, () => 13_500)
    const { text } = await get('/metrics')
    expect(text).toContain('sightline_oldest_unprocessed_seconds{stage="detector"} 12.5')
    expect(text).toContain('sightline_lag_messages{stage="detector"} 7')
    expect(text).toContain('sightline_messages_lost_total{stage="detector"} 3')
    expect((await get('/metrics')).text).toContain('sightline_messages_lost_total{stage="detector"} 3')
    expect(text).toContain('sightline_dependency_up{dependency="kafka"} 1')
    expect(text).toContain('sightline_dependency_up{dependency="redis"} 0')
  })

  test('still answers when the broker does not', async () => {
    const { metrics, get } = await serve()
    const subscription = {
      closed: Promise.resolve(),
      oldest: () => null,
      lag: () => Promise.reject(new Error('no broker')),
      lost: () => 0,
      troubles: () => [],
      [Symbol.asyncDispose]: fine,
    }
    metrics.watch({ name: 'detector', subscription, network: null }, Date.now)
    const { status, text } = await get('/metrics')
    expect(status).toBe(200)
    expect(text).toContain('sightline_lag_messages{stage="detector"} Nan')
  })
})

test('a port that is taken is a clear error', async () => {
  const { server, log } = await serve()
  await expect(openHttpServer({ host: '127.0.0.1', port: server.port, routes: {}, log })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('SIGHTLINE_HTTP_PORT'),
  })
})

test('anything else is answered with what there is', async () => {
  const { get } = await serve()
  expect(await get('/')).toMatchObject({ status: 404, text: expect.stringContaining('/readyz') })
})

test('a process can answer more than these, and an error of one route is no end', async () => {
  const lines: string[] = []
  const log = openLog('test', 'info', (line) => lines.push(line))
  const routes = {
    '/frames': async () => ({ status: 200, type: 'text/plain', body: 'none' }),
    '/broken': () => Promise.reject(new Error('no such thing')),
  }
  const server = await openHttpServer({ host: '127.0.0.1', port: 0, routes, log })
  open.push(server)
  const get = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`)
  expect((await get('/broken?a=1')).status).toBe(500)
  expect(await (await get('/frames?a=1')).text()).toBe('none')
  expect((await get('/constructor')).status).toBe(404)
  expect(lines.join()).toContain('no such thing')
})
