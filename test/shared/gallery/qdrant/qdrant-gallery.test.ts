/** The gallery in Qdrant: the contract, recall against an exact search, and what only a gallery behind a network promises. */
import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import { describeError } from '../../../../shared/errors/errors.ts'
import type { Gallery, GalleryBuild, GalleryEmbedder, OpenMode } from '../../../../shared/gallery/gallery.ts'
import { openGallery } from '../../../../shared/gallery/open-gallery.ts'
import { openQdrantBuild } from '../../../../shared/gallery/qdrant/qdrant-build.ts'
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
const request = async (location: string, method: string, path = '', body?: unknown): Promise<unknown> => {
  const { origin, pathname } = new URL(location)
  const init = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(`${origin}/collections${pathname}${path}`, init)
  expect(response.status).toBe(200)
  return ((await response.json()) as { result: unknown }).result
}
/** The collections that belong to a gallery, whatever its name stands for. */
const collectionsOf = async (location: string): Promise<readonly string[]> => {
  const { origin, pathname } = new URL(location)
  const response = await fetch(`${origin}/collections`)
  const { result } = (await response.json()) as { result: { collections: { name: string }[] } }
  const name = pathname.slice(1)
  return result.collections.map((one) => one.name).filter((one) => one === name || one.startsWith(`${name}.build-`))
}
const removeAll = async (location: string): Promise<void> => {
  for (const name of await collectionsOf(location)) await request(`${new URL(location).origin}/${name}`, 'DELETE')
}

describe.skipIf(qdrant === undefined)('Qdrant', () => {
  // It may be somebody's server.
  afterAll(async () => {
    for (const location of made) await removeAll(location)
  })

  galleryContract({
    name: 'Qdrant',
    newLocation: async () => newLocation(),
    occupy: async (location) => {
      await request(location, 'PUT', '', { vectors: { size: 32, distance: 'Cosine' } })
      await request(location, 'PUT', '/points?wait=true', { points: [{ id: 1, vector: Array.from(vectorOf(1)) }] })
      return async () => [
        await request(location, 'POST', '/points/count', { exact: true }),
        await collectionsOf(location),
      ]
    },
    destroy: removeAll,
    lateInfo: { reason: 'it is asked for each batch of pictures, and remembered', ms: 1_100 },
    noTruths: { reason: "the engine's Python takes true for 1; Qdrant itself does not" },
    lateRelease: { reason: 'a hold that is not renewed runs out', ms: 15_000 },
  })

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

  test('a build leaves no collections but the newest, and goes on with what one that was killed left', async () => {
    const location = newLocation()
    const build = async (id: string) => {
      await using next = await openQdrantBuild({ location, embedder })
      await next.draft.put([entryOf(id, 1)])
      return await next.publish()
    }
    const name = new URL(location).pathname.slice(1)
    for (const number of [1, 2, 3]) {
      expect(await build(String(number))).toMatchObject({ entries: 1, revision: number })
      expect(await collectionsOf(location)).toEqual([`${name}.build-${number}`])
    }
    // As if killed between pointing the name to the new one and dropping the old one.
    const { config } = (await request(location, 'GET')) as { config: { params: object; metadata: object } }
    const { vectors } = config.params as { vectors: object }
    await request(`${new URL(location).origin}/${name}.build-2`, 'PUT', '', { vectors, metadata: config.metadata })
    await build('again')
    expect(await collectionsOf(location)).toEqual([`${name}.build-4`])
  })

  test('a build takes over how the vectors of the gallery are compressed, unless told otherwise', async () => {
    const location = newLocation()
    const kindOf = async (): Promise<string[]> => {
      const { config } = (await request(location, 'GET')) as { config: { quantization_config: object } }
      return Object.keys(config.quantization_config)
    }
    for (const [asked, kind] of [
      ['?quantization=scalar', 'scalar'],
      ['', 'scalar'],
      ['?quantization=binary', 'binary'],
    ] as const) {
      await using next = await openQdrantBuild({ location: `${location}${asked}`, embedder })
      await next.draft.put([entryOf('a', 1)])
      await next.publish()
      expect(await kindOf()).toEqual([kind])
    }
  })

  describe('a gallery of an earlier version, a collection of the very name', () => {
    const old = async (): Promise<string> => {
      const location = newLocation()
      const { name, sha256, dimension } = embedder
      const sightline = { format: 1, embedder: name, sha256, dimension, firstRevision: 4 }
      const vectors = { [sha256.slice(0, 32)]: { size: dimension, distance: 'Cosine' } }
      await request(location, 'PUT', '', { vectors, metadata: { sightline } })
      await using gallery = await open(location, 'write')
      await gallery.put([entryOf('a', 1)])
      expect(await gallery.info()).toMatchObject({ entries: 1, revision: 5 })
      return location
    }

    test.each([
      ['the same embedder', embedder],
      ['another embedder', other],
    ])('is replaced by a build of %s, and readers never miss it', async (_name, whose) => {
      const location = await old()
      await using reader = await open(location)
      let isOver = false
      const codes = new Set<string>()
      const reading = (async () => {
        while (!isOver) {
          const hits = await reader.search([vectorOf(1)], 1).catch(({ code }: { code: string }) => codes.add(code))
          if (Array.isArray(hits)) expect(hits[0]).toHaveLength(1)
        }
      })()
      await using next = await openQdrantBuild({ location, embedder: whose })
      await next.draft.put([entryOf('b', 1, { vector: vectorOf(1, whose.dimension) })])
      expect(await next.publish()).toMatchObject({ entries: 1, revision: 6 })
      await new Promise((resolve) => setTimeout(resolve, 100))
      isOver = true
      await reading
      expect([...codes]).toEqual(whose === embedder ? [] : ['GALLERY_EMBEDDER'])
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

  test('for good in the middle of a build leaves the gallery, and a draft to go on with when it is back', {
    timeout: 60_000,
  }, async () => {
    await using server = await startQdrantServer()
    const location = newLocation(server.url)
    {
      await using gallery = await open(location, 'create')
      await gallery.put([entryOf('old', 1)])
    }
    {
      await using build = await openQdrantBuild({ location, embedder, deadlineMs: 300 })
      await build.draft.put([entryOf('a', 1), entryOf('b', 2)])
      await server.kill()
      await expect(build.draft.put([entryOf('c', 3)])).rejects.toMatchObject({ code: 'GALLERY_UNAVAILABLE' })
      await expect(build.publish()).rejects.toMatchObject({ code: 'GALLERY_UNAVAILABLE' })
    }
    await server.start()
    await using gallery = await open(location)
    expect(await gallery.info()).toMatchObject({ entries: 1 })
    // It could not let go of its hold, which runs out.
    let build = await openQdrantBuild({ location, embedder }).catch((error: unknown) => error)
    while (build instanceof Error) {
      expect(build).toMatchObject({ code: 'GALLERY_BUSY' })
      await new Promise((resolve) => setTimeout(resolve, 500))
      build = await openQdrantBuild({ location, embedder }).catch((error: unknown) => error)
    }
    await using again = build as GalleryBuild
    expect((await again.draft.get(['a', 'b', 'c'])).map(({ id }) => id).toSorted()).toEqual(['a', 'b'])
    expect(await again.publish()).toMatchObject({ entries: 2, revision: 2 })
  })

  test('for a moment does not lose a writer its hold', async () => {
    await using server = await startQdrantServer()
    const location = newLocation(server.url)
    await using build = await openQdrantBuild({ location, embedder })
    await server.kill()
    await server.start()
    await build.draft.put([entryOf('a', 1)])
    await expect(openQdrantBuild({ location, embedder })).rejects.toMatchObject({ code: 'GALLERY_BUSY' })
    expect(await build.publish()).toMatchObject({ entries: 1 })
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
