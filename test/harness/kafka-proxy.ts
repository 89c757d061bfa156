/** A TCP proxy in front of a broker that knows where requests begin, to lose an answer or hold a request at the worst moment, or to be slow. */
import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'

/** API keys, https://kafka.apache.org/protocol: of requests with messages, and of those that end a transaction. */
export const produce = 0
export const endTransaction = 26

/**
 * - `pass`: as if the proxy were not there
 * - `lose-answer`: the broker gets the request; the connection breaks before its answer is through
 * - `hold`: the broker gets the request only after `release()`
 */
export type Verdict = 'pass' | 'lose-answer' | 'hold'

export interface KafkaProxy extends AsyncDisposable {
  /** Asked for every request; set it to make trouble. */
  judge: (apiKey: number) => Verdict
  /** How fast bytes go from clients to the broker, in bytes a second. */
  bandwidth: number
  /** Lets held requests go on. */
  release(): void
}

export async function startKafkaProxy(port: number, target: number): Promise<KafkaProxy> {
  const sockets = new Set<Socket>()
  const held = new Set<() => void>()
  const proxy: KafkaProxy = {
    judge: () => 'pass',
    bandwidth: Infinity,
    release: () => {
      for (const go of held) go()
      held.clear()
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  const server = createServer((client) => {
    const broker = dial(target, '127.0.0.1')
    const end = () => {
      client.destroy()
      broker.destroy()
    }
    let losing = false
    const forward = (frame: Buffer) => {
      if (!broker.destroyed) broker.write(frame)
    }
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.on('error', end).on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    broker.on('data', (data) => {
      if (losing) end()
      else client.write(data)
    })
    client.on('data', (data) => {
      if (proxy.bandwidth === Infinity) return
      client.pause()
      setTimeout(() => client.resume(), (1000 * data.length) / proxy.bandwidth)
    })
    onFrames(client, (frame, apiKey) => {
      const verdict = proxy.judge(apiKey)
      losing ||= verdict === 'lose-answer'
      if (verdict === 'hold') held.add(() => forward(frame))
      else forward(frame)
    })
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return proxy
}

/** Cuts a client's stream into requests: 4 bytes size, then the size's bytes, of which the first 2 are the API key. */
function onFrames(socket: Socket, listener: (frame: Buffer, apiKey: number) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data])
    while (rest.length >= 6 && rest.length >= 4 + rest.readInt32BE(0)) {
      const size = 4 + rest.readInt32BE(0)
      listener(rest.subarray(0, size), rest.readInt16BE(4))
      rest = rest.subarray(size)
    }
  })
}
