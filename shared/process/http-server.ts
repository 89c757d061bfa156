/** The HTTP side of a process: routes that are answered while it works. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SightlineError } from '../errors/errors.ts'
import type { Logger } from '../errors/logger.ts'
import type { Health } from './health.ts'
import type { Metrics } from './metrics.ts'

export interface HttpServer extends AsyncDisposable {
  readonly port: number
}

export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** By path, without the query. */
export type Routes = Readonly<Record<string, (request: IncomingMessage) => Promise<Answer>>>

export interface HttpServerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly routes: Routes
  readonly log: Logger
}

/** Throws CONFIG_INVALID where the port can't be listened on. */
export async function openHttpServer({ host, port, routes, log }: HttpServerOptions): Promise<HttpServer> {
  const unknown = json(404, { error: `there are ${Object.keys(routes).join(', ')}` })
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? '/'
    const route = Object.hasOwn(routes, path) ? routes[path]! : async () => unknown
    route(request).then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      (err: unknown) => {
        log.error({ err, path }, 'a request failed')
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

/** What every process answers: whether it lives, whether it works and what it waits for, its numbers. */
export const processRoutes = (health: Health, metrics: Metrics): Routes => ({
  '/livez': async () => json(200, { status: 'alive' }),
  '/readyz': async () => {
    const readiness = await health.readiness()
    return json(['ready', 'degraded'].includes(readiness.status) ? 200 : 503, readiness)
  },
  '/metrics': async () => ({ status: 200, type: metrics.contentType, body: await metrics.text() }),
})

export const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(value)}\n`,
})

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const what = `can't listen on SIGHTLINE_HTTP_HOST=${host}, SIGHTLINE_HTTP_PORT=${port}`
      reject(new SightlineError('CONFIG_INVALID', what, { cause }))
    })
    server.listen(port, host, () => resolve())
  })
}
