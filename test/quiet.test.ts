/** Sightline talks to what it was told to and to nobody else, leaves nothing behind, and logs lines of JSON: also where no CI is. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { startChild } from './harness/child.ts'
import { Deployment, frameOf, serviceNames } from './harness/deployment.ts'
import { writeProducts } from './harness/pictures.ts'
import { requireService } from './harness/services.ts'
import { type SystemCalls, watchCalls } from './harness/system-calls.ts'

const strace = await requireService('strace')
const kafka = await requireService('kafka')
const redis = await requireService('redis')
const qdrant = await requireService('qdrant')

const root = join(import.meta.dirname, '..')
const folder = await mkdtemp(join(tmpdir(), 'sightline-quiet-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

interface Seen extends SystemCalls {
  readonly code: number
  /** Lines that are no JSON. */
  readonly prose: readonly string[]
}

/** As a program should be seen that needs nobody and leaves nothing. */
const quiet: Seen = { code: 0, peers: [], files: [], prose: [] }

/** Runs a command to its end. Files in `own` are its business. */
async function watched(own: string, ...words: readonly string[]): Promise<Seen> {
  await using watch = await watchCalls()
  const [command, ...args] = [...watch.under, ...words]
  await using child = await startChild(command!, args, { cwd: root, env: { ...watch.environment } })
  const lines: string[] = []
  child.onLine((line) => lines.push(line))
  const code = await child.exited
  expect(lines).not.toEqual([])
  return seen(code, lines, await watch.calls(), own)
}

/** One of the project's programs, with --json. */
const program = (own: string, ...words: readonly string[]): Promise<Seen> =>
  watched(own, process.execPath, ...words, '--json')

const seen = (code: number, lines: readonly string[], { peers, files }: SystemCalls, own?: string): Seen => ({
  code,
  peers,
  files: files.filter((file) => file !== '/dev/null' && (own === undefined || !`${file}/`.startsWith(`${own}/`))),
  prose: lines.filter((line) => !isJson(line)),
})

const isJson = (line: string): boolean => {
  try {
    return typeof JSON.parse(line) === 'object'
  } catch {
    return false
  }
}

describe.skipIf(strace === undefined)('without CI in the environment', { timeout: 180_000 }, () => {
  test('the demo asks nobody, and writes to its folder alone', async () => {
    expect(await program(join(root, 'out'), 'demo/main.ts')).toEqual(quiet)
  })

  test('commands ask nobody, and write to their gallery alone', async () => {
    const labels = await writeProducts(folder, 3)
    const gallery = join(folder, 'gallery')
    const build = ['gallery', 'build', '--labels', labels, '--root', folder, '--gallery', gallery]
    expect(await program(gallery, 'cli/main.ts', ...build)).toEqual(quiet)
    expect(await program(gallery, 'cli/main.ts', 'recognize', folder, '--gallery', gallery)).toEqual(quiet)
    expect(await program(gallery, 'cli/main.ts', 'models', 'verify')).toEqual(quiet)
  })

  test.each([
    ['npm', 'run', 'env'],
    ['npx', 'sightline', '--help'],
  ])('%s %s asks no registry after a newer npm', async (...words) => {
    expect(await watched('/', ...words)).toMatchObject({ code: 0, peers: [] })
  })

  test.skipIf(kafka === undefined || redis === undefined || qdrant === undefined)(
    'services talk to the broker, Redis and Qdrant alone, write nothing, and log JSON',
    async () => {
      const broker = kafka!.brokers[0]!
      const [redisPeer, qdrantPeer] = [redis!.url, qdrant!.url].map((url) => new URL(url).host) as [string, string]
      await using deployment = await Deployment.open({
        brokers: kafka!.brokers,
        gallery: `${qdrant!.url}/quiet-${Date.now()}`,
        env: { SIGHTLINE_REDIS_URL: redis!.url },
      })
      const started = await Promise.all(
        serviceNames.map(async (name) => {
          const watch = await watchCalls()
          return { name, watch, service: await deployment.start(name, {}, watch) }
        }),
      )
      await Promise.all(started.map(({ service }) => service.ready))
      await deployment.publish([await frameOf('cam-1', 0), await frameOf('cam-1', 1)])
      expect(await deployment.ends()).toMatchObject({ events: 2, missing: 0 })

      const configured = { detector: [broker, redisPeer], embedder: [broker], matcher: [broker, qdrantPeer] }
      for (const { name, watch, service } of started) {
        const code = await service.child.stop()
        const log = service.child.output().trim().split('\n')
        const peers = configured[name].toSorted()
        expect(seen(code, log, await watch.calls()), name).toEqual({ ...quiet, peers })
        await watch[Symbol.asyncDispose]()
      }
    },
  )
})
