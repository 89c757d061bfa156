/** Servers of tests in containers: of the Compose file's images, reached from this machine alone, and gone with whoever started them. */
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Child, startChild } from './harness/child.ts'
import { startRedisServer } from './harness/redis-server.ts'
import { decideServers, imageOf, isInContainer } from './harness/server-ways.ts'
import { requireService } from './harness/services.ts'

const docker = await requireService('docker')

afterEach(() => void vi.unstubAllEnvs())

const isOpen = (port: number, host: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, host, () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })

describe('the ways to get servers', () => {
  test('are processes where nobody has decided', () => {
    vi.stubEnv('SIGHTLINE_TEST_SERVERS', undefined)
    expect(['kafka', 'redis', 'qdrant'].map((name) => isInContainer(name as 'kafka'))).toEqual([false, false, false])
  })

  test('are one for all, or one for each', () => {
    vi.stubEnv('SIGHTLINE_TEST_SERVERS', 'docker')
    expect(isInContainer('kafka')).toBe(true)
    vi.stubEnv('SIGHTLINE_TEST_SERVERS', 'kafka=local,redis=docker')
    expect([isInContainer('kafka'), isInContainer('redis'), isInContainer('qdrant')]).toEqual([false, true, false])
  })

  test.each(['podman', 'mongo=docker', 'kafka=', 'docker=kafka'])('%s is refused, with what is known', (text) => {
    vi.stubEnv('SIGHTLINE_TEST_SERVERS', text)
    expect(() => isInContainer('kafka')).toThrow('kafka=local,redis=docker')
  })

  test('that were asked for and are not there end the run', async () => {
    vi.stubEnv('SIGHTLINE_TEST_SERVERS', 'kafka=local,redis=local,qdrant=docker')
    // Docker, where there is one, asks no registry for what is no name of an image.
    vi.stubEnv('QDRANT_VERSION', '-none')
    await expect(decideServers()).rejects.toThrow('SIGHTLINE_TEST_SERVERS asks for qdrant/qdrant:-none')
  })

  test('name images as `docker compose` does', () => {
    vi.stubEnv('REDIS_VERSION', '7.4.0')
    expect(imageOf('redis')).toBe('redis:7.4.0-alpine')
  })
})

describe.skipIf(docker === undefined)('a server in a container', { timeout: 60_000 }, () => {
  const redis = async (): Promise<readonly [child: Child, port: number]> => {
    const source = new URL('./harness/redis-server.ts', import.meta.url).href
    const code = `import('${source}').then(async ({ startRedisServer }) => { console.log((await startRedisServer()).url); setInterval(() => {}, 1000) })`
    const child = await startChild(process.execPath, ['-e', code])
    const url = await new Promise<string>((resolve, reject) => {
      child.onLine(resolve)
      void child.exited.then(() => reject(new Error(child.output())))
    })
    return [child, Number(new URL(url).port)]
  }

  test.each(['SIGKILL', 'SIGTERM'] as const)('does not outlive a process that ends by %s', async (signal) => {
    const [child, port] = await redis()
    expect(await isOpen(port, '127.0.0.1')).toBe(true)
    child.signal(signal)
    await child.exited
    await expect.poll(() => isOpen(port, '127.0.0.1'), { timeout: 30_000 }).toBe(false)
  })

  test('is not reached from other machines', async () => {
    await using server = await startRedisServer()
    const addresses = Object.values(networkInterfaces()).flat()
    for (const { address } of addresses.filter((one) => one?.family === 'IPv4' && !one.internal).map((one) => one!)) {
      expect(await isOpen(Number(new URL(server.url).port), address), address).toBe(false)
    }
  })
})
