/** The gallery in Qdrant: the contract, recall against an exact search, and what only a gallery behind a network promises. */
import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import { describeError } from '../../../../shared/errors/errors.ts'
import type { Gallery, GalleryEmbedder, OpenMode } from '../../../../shared/gallery/gallery.ts'
import { openGallery } from '../../../../shared/gallery/open-gallery.ts'
import { openQdrantGallery } from '../../../../shared/gallery/qdrant/qdrant-gallery.ts'
import { embedder, entryOf, pictureVector, vectorOf } from '../../../harness/gallery/entries.ts'
import { galleryContract } from '../../../harness/gallery/gallery-contract.ts'
import { startQdrantServer } from '../../../harness/qdrant-server.ts'
import { requireService } from '../../../harness/services.ts'

const qdrant = await requireService('qdrant')
const canStart = (await requireService('qdrant-process')) !== undefined
const other: GalleryEmbedder = { name: 'other', sha256: 'cd'.repeat(32), dimension: 16 }

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, index) => sum + value * b[index]!, 0)
const made: string[] = []
function newLocation(url = qdrant!.url): string {
  const location = `${url}/test-${randomUUID()}`
  if (url === qdrant?.url) made.push(location)
  return location
}
const open = (location: string, mode: OpenMode = 'read', whose = embedder): Promise<Gallery> =>
  openQdrantGallery({ location, embedder: whose, mode })
const revisionOf = async (location: string): Promise<number> => {
  await using gallery = await open(location)
  return (await gallery.info()).revision
}
const request = async (location: string, method: string, path = '', body?: unknown): Promise<unknown> => {
  const { origin, pathname } = new URL(location)
  const init = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(`${origin}/collections${pathname}${path}`, init)
  expect(response.status).toBe(200)
  return ((await response.json()) as { result: unknown }).result
}

describe.skipIf(qdrant === undefined)('Qdrant', () => {
  // It may be somebody's server.
  afterAll(async () => {
    for (const location of made) {
      const { origin, pathname } = new URL(location)
      await fetch(`${origin}/collections${pathname}`, { method: 'DELETE' })
    }
  })

  galleryContract('Qdrant', () => open(newLocation(), 'replace'))

  test.each([
    ['without quantization', '', 10],
    ['with 8 bits a value', '?quantization=scalar', 10],
    // Coarser: the item's own five pictures, which decide.
    ['with 1 bit a value', '?quantization=binary', 5],
  ])('%s finds 99 of 100 that an exact search among 2,000 does', async (_name, options, k) => {
    const location = `${newLocation()}${options}`
    const photographed = { ...embedder, dimension: 512 }
    await using gallery = await open(location, 'create', photographed)
    const entries = Array.from({ length: 2000 }, (_, index) =>
      entryOf(String(index), 0, { vector: pictureVector(index % 400, Math.floor(index / 400)) }),
    )
    await gallery.put(entries)
    const queries = Array.from({ length: 50 }, (_, index) => pictureVector(index * 8, 50))
    const hits = await gallery.search(queries, k)
    let found = 0
    for (const [index, query] of queries.entries()) {
      const exact = entries.map(({ id, vector }) => ({ id, score: dot(query, vector) }))
      exact.sort((a, b) => b.score - a.score)
      const nearest = new Set(exact.slice(0, k).map(({ id }) => id))
      found += hits[index]!.filter(({ id }) => nearest.has(id)).length
    }
    expect(found / (queries.length * k)).toBeGreaterThanOrEqual(0.99)
    // Through the graph, not by comparing all: only the newest segment may still be without.
    const { indexed_vectors_count } = (await request(location, 'GET')) as { indexed_vectors_count: number }
    if (qdrant!.isEngine) expect(indexed_vectors_count).toBeGreaterThan(1000)
  })

  test('keeps its entries and its revision when it is closed', async () => {
    const location = newLocation()
    let revision = 0
    {
      await using gallery = await openGallery(location, embedder, 'create')
      await gallery.put([entryOf('a', 1), entryOf('b', 2)])
      await gallery.remove({ ids: ['a'] })
      revision = (await gallery.info()).revision
    }
    await using gallery = await openGallery(location, embedder, 'create')
    expect(await gallery.info()).toMatchObject({ entries: 1, items: 1, revision })
    expect((await gallery.search([vectorOf(2)], 1))[0]![0]!.id).toBe('b')
  })

  test('counts items, not entries, and leaves two of one item with one', async () => {
    await using gallery = await open(newLocation(), 'create')
    await gallery.put([entryOf('a', 1, { item: 'x' }), entryOf('b', 2, { item: 'x' }), entryOf('c', 3)])
    expect(await gallery.info()).toMatchObject({ entries: 3, items: 2 })
  })

  test('raises the revision for each change of two writers at once, and loses nothing of either', async () => {
    const location = newLocation()
    await using one = await open(location, 'create')
    await using two = await open(location, 'write')
    await Promise.all(
      Array.from({ length: 20 }, (_, seed) => (seed % 2 === 0 ? one : two).put([entryOf(String(seed), seed)])),
    )
    await using reader = await open(location)
    expect(await reader.info()).toMatchObject({ entries: 20, revision: 20 })
    expect((await reader.search([vectorOf(13)], 1))[0]![0]!.id).toBe('13')
  })

  test('is made once by two that make it at the same time', async () => {
    const location = newLocation()
    await using both = new AsyncDisposableStack()
    for (const gallery of await Promise.all([open(location, 'create'), open(location, 'create')])) both.use(gallery)
    expect(await revisionOf(location)).toBe(0)
  })

  test('that is not there is told so, with what to do', async () => {
    for (const mode of ['read', 'write'] as const) {
      await expect(open(newLocation(), mode)).rejects.toMatchObject({
        code: 'GALLERY_MISSING',
        retryable: false,
        message: expect.stringContaining('sightline gallery build'),
      })
    }
  })

  test.each(['read', 'write', 'create', 'replace'] as const)(
    'leaves a collection of somebody else as it is, asked to %s',
    async (mode) => {
      const location = newLocation()
      await request(location, 'PUT', '', { vectors: { size: 32, distance: 'Cosine' } })
      await request(location, 'PUT', '/points?wait=true', { points: [{ id: 1, vector: Array.from(vectorOf(1)) }] })
      await expect(open(location, mode)).rejects.toMatchObject({
        code: 'GALLERY_CORRUPT',
        message: expect.stringContaining(location),
      })
      expect(await request(location, 'POST', '/points/count', { exact: true })).toEqual({ count: 1 })
    },
  )

  describe('with another embedder', () => {
    test('is refused, with what to do', async () => {
      const location = newLocation()
      await (await open(location, 'create'))[Symbol.asyncDispose]()
      for (const mode of ['read', 'write', 'create'] as const) {
        await expect(open(location, mode, other)).rejects.toMatchObject({
          code: 'GALLERY_EMBEDDER',
          message: expect.stringMatching(/holds vectors of probe.*loaded is other.*gallery build/),
        })
      }
      const shorter = { ...embedder, dimension: 16 }
      await expect(open(location, 'read', shorter)).rejects.toMatchObject({ code: 'GALLERY_CORRUPT' })
    })

    test('starts empty when it is replaced, with a higher revision, and handles of the old one are told', async () => {
      const location = newLocation()
      await using old = await open(location, 'create')
      await old.put([entryOf('a', 1)])
      await old.put([entryOf('b', 1)])
      await using rebuilt = await open(location, 'replace', other)
      expect(await rebuilt.info()).toMatchObject({ entries: 0, items: 0, revision: 3, embedder: other })
      for (const use of [
        () => old.search([vectorOf(1)], 1),
        () => old.put([entryOf('c', 1)]),
        () => old.remove({}),
        () => old.info(),
      ]) {
        await expect(use()).rejects.toMatchObject({ code: 'GALLERY_EMBEDDER', retryable: false })
      }
      expect(await revisionOf(location).catch(({ code }) => code)).toBe('GALLERY_EMBEDDER')
      await rebuilt.put([entryOf('c', 1, { vector: vectorOf(1, 16) })])
      expect(await rebuilt.info()).toMatchObject({ entries: 1, revision: 4 })
    })

    test('and the same one again keeps what is there', async () => {
      const location = newLocation()
      await using gallery = await open(location, 'replace')
      await gallery.put([entryOf('a', 1)])
      await using again = await open(location, 'replace')
      expect(await again.info()).toMatchObject({ entries: 1, revision: 1 })
    })
  })
})

describe.skipIf(!canStart)('a Qdrant that goes away', () => {
  test('and comes back costs time only: all that was put is there, and what was asked meanwhile is answered', async () => {
    await using server = await startQdrantServer()
    await using gallery = await open(newLocation(server.url), 'create')
    await gallery.put(Array.from({ length: 300 }, (_, seed) => entryOf(String(seed), seed)))
    const { revision } = await gallery.info()
    await server.kill()
    const asked = [gallery.search([vectorOf(7)], 1), gallery.put([entryOf('late', 9000)])] as const
    await server.start()
    const [hits] = await Promise.all(asked)
    expect(hits[0]![0]!.id).toBe('7')
    expect((await gallery.search([vectorOf(9000)], 1))[0]![0]!.id).toBe('late')
    const after = await gallery.info()
    expect(after.entries).toBe(301)
    expect(after.revision).toBeGreaterThan(revision)
  })

  test('killed in the middle of writes has all that was acknowledged, and a higher revision', async () => {
    await using server = await startQdrantServer()
    const location = newLocation(server.url)
    await using gallery = await open(location, 'create')
    for (let round = 0; round < 3; round += 1) {
      const puts = Array.from({ length: 30 }, (_, index) => {
        const seed = round * 30 + index
        return gallery.put([entryOf(String(seed), seed)])
      })
      await puts[5 + round]
      await server.kill()
      await server.start()
      await Promise.all(puts)
    }
    await using reader = await open(location)
    const { entries, revision } = await reader.info()
    expect(entries).toBe(90)
    expect(revision).toBeGreaterThanOrEqual(90)
  })

  test('and stays away is a retryable error after the deadline, which names it', async () => {
    await using server = await startQdrantServer()
    const location = newLocation(server.url)
    await using gallery = await openQdrantGallery({ location, embedder, mode: 'create', deadlineMs: 300 })
    await server.kill()
    for (const use of [() => gallery.search([vectorOf(1)], 1), () => gallery.put([entryOf('a', 1)])]) {
      const error = await use().catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'GALLERY_UNAVAILABLE', retryable: true })
      expect(describeError(error)).toMatch(new RegExp(`${location}.*ECONNREFUSED`))
    }
    await expect(openQdrantGallery({ location, embedder, mode: 'read', deadlineMs: 100 })).rejects.toMatchObject({
      code: 'GALLERY_UNAVAILABLE',
      retryable: true,
    })
  })

  test('does not hold up who closes the gallery', async () => {
    await using server = await startQdrantServer()
    const location = newLocation(server.url)
    const gallery = await openQdrantGallery({ location, embedder, mode: 'create', deadlineMs: 3_600_000 })
    await server.kill()
    const asked = expect(gallery.put([entryOf('a', 1)])).rejects.toMatchObject({ code: 'GALLERY_UNAVAILABLE' })
    await gallery[Symbol.asyncDispose]()
    await asked
  })
})

describe.skipIf(!canStart)('a Qdrant with an API key', () => {
  test('opens to the key, and refuses others without telling them', async () => {
    await using server = await startQdrantServer({ apiKey: 'the-right-key' })
    const location = newLocation(server.url)
    await using gallery = await openGallery(location, embedder, 'create', { apiKey: 'the-right-key' })
    await gallery.put([entryOf('a', 1)])
    for (const apiKey of ['not-the-key', undefined, '']) {
      const error = await openGallery(location, embedder, 'read', { apiKey }).catch((one: unknown) => one)
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', retryable: false })
      expect(describeError(error)).toMatch(/SIGHTLINE_QDRANT_API_KEY.*401/)
      expect(JSON.stringify([error, String(error), (error as Error).stack])).not.toContain('not-the-key')
    }
  })

  test('is not asked with a key that is none', async () => {
    const error = await openGallery('http://127.0.0.1:1/x', embedder, 'read', { apiKey: 'two\nlines' }).catch(String)
    expect(error).toContain('API key')
    expect(error).not.toContain('lines')
  })
})
