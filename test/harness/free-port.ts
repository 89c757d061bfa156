/** Ports for servers that can't choose one themselves, or that must come back on the same one. */
import { once } from 'node:events'
import { createServer } from 'node:net'

/** As many different ports as asked for, free on the loopback interface a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(
    servers.map((server) => {
      server.close()
      return once(server, 'close')
    }),
  )
  return ports
}
