/** The command line with a gallery in Qdrant: made, listed and searched by its address, with the API key in the environment. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type Finished, finish } from '../harness/cli.ts'
import { writeProducts } from '../harness/pictures.ts'
import { startQdrantServer } from '../harness/qdrant-server.ts'
import { requireService } from '../harness/services.ts'

const canStart = (await requireService('qdrant-process')) !== undefined
const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const start = (apiKey: string, ...args: readonly string[]): ChildProcessWithoutNullStreams =>
  spawn(process.execPath, [main, ...args], { env: { ...process.env, SIGHTLINE_QDRANT_API_KEY: apiKey } })
const run = (apiKey: string, ...args: readonly string[]): Promise<Finished> => finish(start(apiKey, ...args))

test.skipIf(!canStart)(
  'the gallery commands and recognize take the address of a Qdrant',
  { timeout: 120_000 },
  async () => {
    const apiKey = 'key-of-this-test'
    await using server = await startQdrantServer({ apiKey })
    const gallery = `${server.url}/products`
    const root = await mkdtemp(join(tmpdir(), 'sightline-'))
    const labels = await writeProducts(root, 3)

    const missing = await run(apiKey, 'gallery', 'list', '--gallery', gallery)
    expect(missing).toMatchObject({ code: 1, err: expect.stringContaining('sightline gallery build') })

    const built = await run(
      apiKey,
      'gallery',
      'build',
      '--labels',
      labels,
      '--root',
      root,
      '--gallery',
      gallery,
      '--json',
    )
    expect(built.json()).toMatchObject([{ gallery, added: 3, entries: 3, items: 3 }])

    const seen = await run(apiKey, 'recognize', join(root, 'p1.jpg'), '--gallery', gallery, '--json')
    expect(JSON.stringify(seen.json())).toContain('product-1')

    const removed = await run(apiKey, 'gallery', 'remove', '--gallery', gallery, '--item', 'product-1', '--json')
    expect(removed.json()).toMatchObject([{ removed: 1, entries: 2, items: 2 }])

    const listed = await run(apiKey, 'gallery', 'list', '--gallery', gallery, '--json')
    expect(listed.json().map(({ id }) => id)).toEqual(['p0.jpg', 'p2.jpg'])

    const refused = await run('another-key', 'gallery', 'list', '--gallery', gallery)
    expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/SIGHTLINE_QDRANT_API_KEY/) })
    expect(refused.err).not.toContain('another-key')
  },
)

test('an API key that would travel as plain text is told before it is sent', async () => {
  const listing = start('key-of-this-test', 'gallery', 'list', '--gallery', 'http://qdrant.invalid:6333/products')
  let err = ''
  for await (const text of listing.stderr.setEncoding('utf8')) {
    err += text
    if (err.includes('\n')) break
  }
  listing.kill('SIGKILL')
  expect(err).toContain('as plain text')
  expect(err).not.toContain('key-of-this-test')
})
