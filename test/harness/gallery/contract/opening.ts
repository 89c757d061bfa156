/** How a gallery is opened, made, closed and missed; part of the contract of every driver. */
import { describe, expect, test } from 'vitest'
import { embedder, entryOf, vectorOf } from '../entries.ts'
import { type ContractTools, idsOf, operations, other } from './tools.ts'

export function openingContract({ newLocation, open, build, occupy, destroy }: ContractTools): void {
  test('keeps its entries and its revision when it is closed', async () => {
    const location = await newLocation()
    let revision = 0
    {
      await using gallery = await open(location, 'create')
      await gallery.put([entryOf('a', 1), entryOf('b', 2)])
      await gallery.remove({ ids: ['a'] })
      revision = (await gallery.info()).revision
    }
    for (const mode of ['read', 'write', 'create'] as const) {
      await using gallery = await open(location, mode)
      expect(await gallery.info()).toMatchObject({ entries: 1, items: 1, revision })
      expect((await gallery.search([vectorOf(2)], 1))[0]![0]!.id).toBe('b')
    }
  })

  test('is made once by several that make it at the same time', async () => {
    const location = await newLocation()
    await using all = new AsyncDisposableStack()
    const opening = Array.from({ length: 3 }, async () => all.use(await made(() => open(location, 'create'))))
    const galleries = await Promise.all(opening)
    await Promise.all(galleries.map((gallery, seed) => gallery.put([entryOf(String(seed), seed)])))
    await using reader = await open(location, 'read')
    expect(await idsOf(reader)).toEqual(['0', '1', '2'])
  })

  test.each(['read', 'write'] as const)('that is not there is told so, asked to %s, with what to do', async (mode) => {
    const location = await newLocation()
    const missing = {
      code: 'GALLERY_MISSING',
      retryable: false,
      message: expect.stringMatching(new RegExp(`${location}.*sightline gallery build`)),
    }
    await expect(open(location, mode)).rejects.toMatchObject(missing)
    // And was not made by asking.
    await expect(open(location, mode)).rejects.toMatchObject(missing)
  })

  test('in a place of something else leaves that as it is', async () => {
    const location = await newLocation()
    const look = await occupy(location)
    const before = await look()
    for (const use of [
      () => open(location, 'read'),
      () => open(location, 'write'),
      () => open(location, 'create'),
      () => build(location),
    ]) {
      const error = (await use().catch((one: unknown) => one)) as Error
      expect(error).toMatchObject({ code: 'GALLERY_CORRUPT', message: expect.stringContaining(location) })
      // A sentence for a person, not what a validator says.
      expect(error.message).not.toMatch(/[{[]\s*"|invalid_type|\n/)
    }
    expect(await look()).toEqual(before)
  })

  describe('that was closed', () => {
    test('may be closed again', async () => {
      const gallery = await open(await newLocation(), 'create')
      await Promise.all([gallery[Symbol.asyncDispose](), gallery[Symbol.asyncDispose]()])
      await gallery[Symbol.asyncDispose]()
    })

    test.each([
      ...operations,
      ['an empty put', (gallery) => gallery.put([])],
      ['an empty get', (gallery) => gallery.get([])],
      ['an empty search', (gallery) => gallery.search([], 1)],
    ] satisfies typeof operations)('refuses %s', async (_name, use) => {
      const gallery = await open(await newLocation(), 'create')
      await gallery.put([entryOf('a', 1)])
      await gallery[Symbol.asyncDispose]()
      await expect(use(gallery)).rejects.toMatchObject({
        code: 'GALLERY_UNAVAILABLE',
        message: expect.stringMatching('closed'),
      })
    })
  })

  test('that was taken away while it was in use is missing to every operation, and nothing is written into the void', async () => {
    const location = await newLocation()
    await using gallery = await open(location, 'create')
    await gallery.put([entryOf('a', 1)])
    await destroy(location)
    const outcomes = operations.map(([, use]) => use(gallery))
    for (const outcome of await Promise.allSettled(outcomes)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'GALLERY_MISSING', retryable: true } })
    }
  })

  describe('of another embedder', () => {
    test('is refused, with what to do', async () => {
      const location = await newLocation()
      await (await open(location, 'create'))[Symbol.asyncDispose]()
      for (const mode of ['read', 'write', 'create'] as const) {
        await expect(open(location, mode, other)).rejects.toMatchObject({
          code: 'GALLERY_EMBEDDER',
          retryable: false,
          message: expect.stringMatching(/holds vectors of probe.*loaded is other.*gallery build/),
        })
        // Refused, it holds nothing.
        await (await open(location, 'write'))[Symbol.asyncDispose]()
      }
    })

    test('that claims to be the same is refused too', async () => {
      const location = await newLocation()
      await (await open(location, 'create'))[Symbol.asyncDispose]()
      const shorter = { ...embedder, dimension: 16 }
      await expect(open(location, 'read', shorter)).rejects.toMatchObject({ code: 'GALLERY_CORRUPT' })
    })
  })
}

/** Whoever comes while another one makes it is told to come again. */
async function made<Gallery>(open: () => Promise<Gallery>): Promise<Gallery> {
  for (;;) {
    try {
      return await open()
    } catch (error) {
      expect(error).toMatchObject({ code: 'GALLERY_BUSY', retryable: true })
    }
  }
}
