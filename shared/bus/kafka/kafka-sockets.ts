/** Connections whose patience grows with what is on its way: a large message may take its time over a slow link, a dead broker is given up soon. */
import { isIP, connect as plain, type Socket } from 'node:net'
import { type ConnectionOptions, connect as secure } from 'node:tls'

/** In bytes a ms, half a Mbit/s: what goes slower than this is taken for not going at all. */
export const slowestLink = 64

export interface SocketPlace {
  readonly host: string
  readonly port: number
  /** kafkajs' types know no null; its code gives one where there is no TLS. */
  readonly ssl: ConnectionOptions | null
  readonly onConnect: () => void
}

const keepAliveMs = 60_000

/**
 * kafkajs 2.2.4 counts a request's time from when it is handed over, whatever its size, and then sends all of it again over
 * the same connection, behind the one that is still on its way. Here the connection's silence counts: `quietMs` for the
 * answer, and the time that the slowest link needs for all that is not answered yet. A connection given up is closed, so
 * that the next attempt takes another one.
 */
export const patientSockets =
  (quietMs: number) =>
  ({ host, port, ssl, onConnect }: SocketPlace): Socket => {
    const servername = isIP(host) === 0 ? { servername: host } : {}
    const socket =
      ssl === null ? plain({ host, port }, onConnect) : secure({ host, port, ...servername, ...ssl }, onConnect)
    socket.setKeepAlive(true, keepAliveMs)
    let unanswered = 0
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean
    socket.write = (...args: unknown[]): boolean => {
      unanswered += (args[0] as Uint8Array).length
      socket.setTimeout(quietMs + unanswered / slowestLink)
      return write(...args)
    }
    socket.on('data', () => {
      unanswered = 0
      socket.setTimeout(0)
    })
    // kafkajs hears of the time-out too, and rejects what was asked over this connection.
    socket.on('timeout', () => socket.destroy())
    return socket
  }
