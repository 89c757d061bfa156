/** The HTTP side of a service: /livez, /readyz and /metrics, answered while frames are processed. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SightlineError } from '../errors/errors.ts'
import type { Logger } from '../errors/logger.ts'
import type { Health } from './health.ts'
import type { Metrics } from './metrics.ts'

export interface HttpServer extends AsyncDisposable {
  readonly port: number
}

export interface HttpServerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly health: Health
  readonly metrics: Metrics
  readonly log: Logger
}

/** Throws CONFIG_INVALID where the port can't be listened on. */
export async function openHttpServer({ host, port, health, metrics, log }: HttpServerOptions): Promise<HttpServer> {
  const server = createServer((request, response) => {
    answer(request.url ?? '/', health, metrics).then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      (err: unknown) => {
        log.error({ err, url: request.url }, 'a request failed')
        response.writeHead(500).end()
      },
    )
  })
  await listen(server, host, port)
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(value)}\n`,
})

async function answer(url: string, health: Health, metrics: Metrics): Promise<Answer> {
  switch (url.split('?')[0]) {
    case '/livez':
      return json(200, { status: 'alive' })
    case '/readyz': {
      const readiness = await health.readiness()
      return json(['ready', 'degraded'].includes(readiness.status) ? 200 : 503, readiness)
    }
    case '/metrics':
      return { status: 200, type: metrics.contentType, body: await metrics.text() }
    default:
      return json(404, { error: 'there are /livez, /readyz and /metrics' })
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const what = `can't listen on SIGHTLINE_HTTP_HOST=${host}, SIGHTLINE_HTTP_PORT=${port}`
      reject(new SightlineError('CONFIG_INVALID', what, { cause }))
    })
    server.listen(port, host, () => resolve())
  })
}
