/** A server on loopback for archives: with ranges, and with every way to fail that a network has. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ArchiveServer extends AsyncDisposable {
  readonly base: string
  /** By file name; may be changed between requests. */
  readonly files: Map<string, Uint8Array>
  /** What was asked for: path, and range where there was one. */
  readonly requests: { readonly path: string; readonly range: string | undefined }[]
  /** How many bytes of the file the next answers end with: then nothing comes, until `received` cuts the connection. */
  readonly cuts: number[]
  /** Tells that so many bytes of the file have arrived. */
  readonly received: (bytes: number) => void
  /** Status of the next answers instead of the file; null for the file. */
  readonly statuses: (number | null)[]
  /** False answers a range with the whole file. */
  hasRanges: boolean
  /** True sends the head and then nothing. */
  isStalling: boolean
  etag: string
}

export async function startArchiveServer(files: Readonly<Record<string, Uint8Array>>): Promise<ArchiveServer> {
  const server = createServer((request, response) => answer(state, request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const state: ArchiveServer & { open: Open | null } = {
    open: null,
    received(bytes) {
      if (bytes === state.open?.end) state.open.response.destroy()
    },
    base: `http://127.0.0.1:${port}/models`,
    files: new Map(Object.entries(files)),
    requests: [],
    cuts: [],
    statuses: [],
    hasRanges: true,
    isStalling: false,
    etag: '"one"',
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return state
}

interface Open {
  readonly response: ServerResponse
  readonly end: number
}

function answer(
  state: ArchiveServer & { open: Open | null },
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { range, 'if-range': ifRange } = request.headers
  const path = request.url ?? ''
  state.requests.push({ path, range })
  const status = state.statuses.shift()
  const file = state.files.get(path.replace('/models/', ''))
  if (typeof status === 'number' || file === undefined) {
    response.writeHead(status ?? 404).end()
    return
  }
  const [, from] = /^bytes=(\d+)-$/.exec(state.hasRanges && ifRange === state.etag ? (range ?? '') : '') ?? []
  const start = Number(from ?? 0)
  if (start >= file.length) {
    response.writeHead(416).end()
    return
  }
  const body = file.subarray(start)
  response.writeHead(from === undefined ? 200 : 206, {
    'content-length': body.length,
    etag: state.etag,
    ...(from === undefined ? {} : { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` }),
  })
  if (state.isStalling) {
    response.flushHeaders()
    return
  }
  const cut = state.cuts.shift()
  if (cut === undefined) response.end(body)
  else {
    state.open = { response, end: cut }
    response.write(file.subarray(start, cut))
  }
}
