/** How a gallery is built anew beside the one that is there; part of the contract of every driver. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { embedder, entryOf, vectorOf } from '../entries.ts'
import { type ContractTools, idsOf, operations, other } from './tools.ts'

const otherEntry = (id: string, seed: number) => entryOf(id, seed, { vector: vectorOf(seed, other.dimension) })

export function buildingContract({ newLocation, open, build, lateInfo }: ContractTools): void {
  /** A gallery of `a` and `b`, at revision 1. */
  async function existing(): Promise<string> {
    const location = await newLocation()
    await using gallery = await open(location, 'create')
    await gallery.put([entryOf('a', 1), entryOf('b', 2)])
    return location
  }

  test('is not there before its first build is published, then whole', async () => {
    const location = await newLocation()
    await using first = await build(location)
    expect(first.current).toBeUndefined()
    await first.draft.put([entryOf('a', 1), entryOf('b', 2, { metadata: { sha256: 'x' } })])
    await expect(open(location, 'read')).rejects.toMatchObject({ code: 'GALLERY_MISSING' })
    // Whoever would make an empty one waits for this one.
    await expect(open(location, 'create')).rejects.toMatchObject({ code: 'GALLERY_BUSY' })
    expect(await first.publish()).toEqual({ revision: 1, entries: 2, items: 2, embedder })
    await using gallery = await open(location, 'read')
    expect(await idsOf(gallery)).toEqual(['a', 'b'])
    expect((await gallery.get(['b']))[0]).toMatchObject({ metadata: { sha256: 'x' } })
  })

  test('shows readers the old entries until it is published, and then the new ones, without being opened again', async () => {
    const location = await existing()
    await using reader = await open(location, 'read')
    {
      await using next = await build(location)
      expect(await idsOf(next.current!)).toEqual(['a', 'b'])
      expect(await next.draft.info()).toMatchObject({ entries: 0 })
      await next.draft.put([entryOf('b', 7, { label: 'new' }), entryOf('c', 3)])
      await next.draft.put([entryOf('d', 4)])
      await next.draft.remove({ ids: ['d'] })
      expect(await idsOf(reader)).toEqual(['a', 'b'])
      expect((await reader.search([vectorOf(7)], 9))[0]!.map(({ label }) => label).toSorted()).toEqual([
        'Label a',
        'Label b',
      ])
      expect(await next.publish()).toMatchObject({ revision: 2, entries: 2, items: 2 })
    }
    expect((await reader.search([vectorOf(7)], 9))[0]!.map(({ id }) => id).toSorted()).toEqual(['b', 'c'])
    expect((await reader.search([vectorOf(7)], 1))[0]![0]).toMatchObject({ id: 'b', label: 'new' })
    expect(await idsOf(reader)).toEqual(['b', 'c'])
    await sleep(lateInfo?.ms ?? 0)
    expect(await reader.info()).toMatchObject({ entries: 2, items: 2, revision: 2 })
    await reader.put([entryOf('e', 5)])
    await using again = await open(location, 'read')
    expect(await again.info()).toMatchObject({ entries: 3, revision: 3 })
  })

  test('never shows a reader an empty or a half gallery, build after build', async () => {
    const location = await newLocation()
    const size = 120
    const fill = async (generation: number): Promise<void> => {
      await using next = await build(location)
      const label = String(generation)
      await next.draft.put(Array.from({ length: size }, (_, seed) => entryOf(String(seed), seed, { label })))
      await next.publish()
    }
    await fill(0)
    await using reader = await open(location, 'read')
    const seen = new Set<string>()
    let isOver = false
    const reading = (async () => {
      while (!isOver) {
        const [hits] = await reader.search([vectorOf(5)], size)
        expect(hits).toHaveLength(size)
        // One generation, and not some of each.
        const labels = new Set(hits!.map(({ label }) => label))
        expect(labels.size).toBe(1)
        for (const label of labels) seen.add(label)
      }
    })()
    for (const generation of [1, 2, 3]) await fill(generation)
    await reader.search([vectorOf(5)], 1)
    isOver = true
    await reading
    expect(seen.size).toBeGreaterThan(1)
  })

  test('that was broken off leaves the gallery as it was, and its draft to the next one of the same embedder', async () => {
    const location = await existing()
    {
      await using next = await build(location)
      await next.draft.put([entryOf('c', 3), entryOf('d', 4, { metadata: { kept: true } })])
    }
    {
      await using reader = await open(location, 'read')
      expect(await reader.info()).toMatchObject({ entries: 2, revision: 1 })
      expect(await idsOf(reader)).toEqual(['a', 'b'])
    }
    await using again = await build(location)
    expect(await idsOf(again.draft)).toEqual(['c', 'd'])
    expect((await again.draft.get(['d']))[0]).toMatchObject({ metadata: { kept: true } })
    await again.draft.remove({ ids: ['c'] })
    expect(await again.publish()).toMatchObject({ entries: 1, revision: 2 })
    await again[Symbol.asyncDispose]()
    await again[Symbol.asyncDispose]()
    await using third = await build(location)
    expect(await idsOf(third.draft)).toEqual([])
  })

  test('of nothing can be published too: whoever asks for it knows', async () => {
    const location = await existing()
    await using next = await build(location)
    expect(await next.publish()).toMatchObject({ entries: 0, items: 0, revision: 2 })
  })

  test('goes on with no draft of another embedder', async () => {
    const location = await existing()
    {
      await using next = await build(location)
      await next.draft.put([entryOf('c', 3)])
    }
    await using next = await build(location, other)
    expect(await idsOf(next.draft)).toEqual([])
    expect(next.current).toBeUndefined()
    await expect(next.draft.put([entryOf('d', 4)])).rejects.toMatchObject({ code: 'GALLERY_EMBEDDER' })
  })

  describe('for another embedder', () => {
    test('leaves the handles of the old one in use until it is published, then refuses them every operation', async () => {
      const location = await existing()
      await using old = await open(location, 'create')
      await using rebuilding = await build(location, other)
      await rebuilding.draft.put([otherEntry('a', 1), otherEntry('new', 2)])
      expect((await old.search([vectorOf(1)], 1))[0]![0]!.id).toBe('a')
      expect(await idsOf(old)).toEqual(['a', 'b'])
      expect(await rebuilding.publish()).toMatchObject({ entries: 2, revision: 2, embedder: other })
      await sleep(lateInfo?.ms ?? 0)
      for (const [name, use] of operations) {
        await expect(use(old), name).rejects.toMatchObject({ code: 'GALLERY_EMBEDDER', retryable: false })
      }
      await using rebuilt = await open(location, 'read', other)
      expect(await rebuilt.info()).toMatchObject({ entries: 2, items: 2, revision: 2, embedder: other })
      expect(await idsOf(rebuilt)).toEqual(['a', 'new'])
      await expect(open(location, 'read')).rejects.toMatchObject({ code: 'GALLERY_EMBEDDER' })
    })

    test('loses no entry to a handle of the old one that removes and puts while it is published', async () => {
      const location = await existing()
      await using old = await open(location, 'create')
      await using rebuilding = await build(location, other)
      await rebuilding.draft.put(['a', 'b', 'c', 'd'].map((id, seed) => otherEntry(id, seed)))
      const codes = new Set<string>()
      let isOver = false
      const disturbing = (async () => {
        while (!isOver) {
          await Promise.all(
            [old.remove({}), old.put([entryOf('a', 1)]), old.remove({ ids: ['b', 'c'] })].map((one) =>
              one.catch(({ code }: { code: string }) => codes.add(code)),
            ),
          )
        }
      })()
      await sleep(30)
      await rebuilding.publish()
      await sleep(30)
      isOver = true
      await disturbing
      expect([...codes]).toEqual(['GALLERY_EMBEDDER'])
      await using rebuilt = await open(location, 'read', other)
      expect(await idsOf(rebuilt)).toEqual(['a', 'b', 'c', 'd'])
      expect((await rebuilt.search([vectorOf(2, other.dimension)], 1))[0]![0]!.id).toBe('c')
    })
  })
}
