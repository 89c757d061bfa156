/** What a gallery does with its entries; part of the contract of every driver. */
import { expect, test } from 'vitest'
import { embedder, entryOf, vectorOf } from '../entries.ts'
import { type ContractTools, idsOf } from './tools.ts'

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, index) => sum + value * b[index]!, 0)

export function entriesContract({ openNew: open, noTruths }: ContractTools): void {
  test('is empty at first and finds nothing', async () => {
    await using gallery = await open()
    expect(await gallery.info()).toMatchObject({ entries: 0, items: 0, embedder })
    expect(await gallery.search([vectorOf(1), vectorOf(2)], 5)).toEqual([[], []])
    expect(await gallery.search([], 5)).toEqual([])
    expect(await idsOf(gallery, {})).toEqual([])
  })

  test('finds an entry as soon as it was put, best first, with its cosine similarity', async () => {
    await using gallery = await open()
    await gallery.put([entryOf('a', 1), entryOf('b', 2), entryOf('c', 3)])
    const [hits] = await gallery.search([vectorOf(2)], 2)
    expect(hits).toHaveLength(2)
    expect(hits![0]).toMatchObject({ id: 'b', item: 'item-b', label: 'Label b' })
    expect(hits![0]!.score).toBeCloseTo(1, 4)
    const others = ['a', 'c'].map((id) => dot(vectorOf(2), vectorOf(id === 'a' ? 1 : 3)))
    expect(hits![1]!.score).toBeCloseTo(Math.max(...others), 4)
  })

  test('finds exactly what a comparison with every entry finds', async () => {
    await using gallery = await open()
    const entries = Array.from({ length: 400 }, (_, index) => entryOf(String(index), index))
    await gallery.put(entries)
    for (const seed of [7, 1001, 1002, 1003]) {
      const query = vectorOf(seed)
      const [hits] = await gallery.search([query], 10)
      const exact = entries.map(({ id, vector }) => ({ id, score: dot(query, vector) }))
      exact.sort((a, b) => b.score - a.score)
      expect(hits!.map(({ id }) => id)).toEqual(exact.slice(0, 10).map(({ id }) => id))
    }
  })

  test('answers each query of a batch, with fewer hits where it holds fewer', async () => {
    await using gallery = await open()
    await gallery.put([entryOf('a', 1), entryOf('b', 2)])
    const hits = await gallery.search([vectorOf(1), vectorOf(2), vectorOf(1)], 10)
    expect(hits.map((one) => one.map(({ id }) => id)[0])).toEqual(['a', 'b', 'a'])
    expect(hits.map((one) => one.length)).toEqual([2, 2, 2])
  })

  test('puts the same id again as a replacement', async () => {
    await using gallery = await open()
    await gallery.put([entryOf('a', 1), entryOf('b', 2)])
    await gallery.put([entryOf('a', 9, { label: 'new' })])
    expect(await gallery.info()).toMatchObject({ entries: 2 })
    expect((await gallery.search([vectorOf(9)], 1))[0]![0]).toMatchObject({ id: 'a', label: 'new' })
    expect((await gallery.search([vectorOf(1)], 1))[0]![0]!.score).toBeLessThan(0.99)
  })

  test('removes by id, item and label, and no longer finds what it removed', async () => {
    await using gallery = await open()
    const six = ['a', 'b', 'c', 'd', 'e', 'f'].map((id, seed) => entryOf(id, seed, { item: seed < 3 ? 'x' : 'y' }))
    await gallery.put(six)
    expect(await gallery.remove({ ids: ['a', 'nobody'] })).toBe(1)
    expect(await gallery.remove({ items: ['x'], labels: ['Label b', 'Label e'] })).toBe(1)
    expect(await gallery.remove({ labels: ['Label e'] })).toBe(1)
    expect(await idsOf(gallery, {})).toEqual(['c', 'd', 'f'])
    for (const [seed, id] of [2, 3, 5].map((one) => [one, 'abcdef'[one]] as const)) {
      expect((await gallery.search([vectorOf(seed)], 1))[0]![0]!.id).toBe(id)
    }
    expect((await gallery.search([vectorOf(0)], 9))[0]!.map(({ id }) => id).toSorted()).toEqual(['c', 'd', 'f'])
    expect(await gallery.remove({ items: ['nobody'] })).toBe(0)
  })

  test.each([
    ['a text', { store: ['12'] }, ['a', 'list']],
    ['a number', { store: [12] }, ['b', 'list']],
    ['either', { store: ['12', 12] }, ['a', 'b', 'list']],
    ['a fraction', { price: [1.5] }, ['b']],
    ...(noTruths === undefined ? [['a truth, which is no 1', { fresh: [true] }, ['a']] as const] : []),
    ['two fields', { store: [12], fresh: [1] }, ['b']],
    ['a name with a dot and a space', { 'shelf no. 1': ['x'] }, ['b']],
    ['what nothing has', { nothing: ['x'] }, []],
    ['what is an object', { deep: ['x'] }, []],
  ] as const)('selects by %s in the metadata', async (_what, metadata, expected) => {
    await using gallery = await open()
    await gallery.put([
      entryOf('a', 1, { metadata: { store: '12', fresh: true } }),
      entryOf('b', 2, { metadata: { store: 12, fresh: 1, price: 1.5, 'shelf no. 1': 'x', deep: { a: 'x' } } }),
      entryOf('list', 3, { metadata: { store: ['12', 12, null], fresh: null } }),
      entryOf('other', 4, { metadata: { store: '1', fresh: false } }),
    ])
    expect(await idsOf(gallery, { metadata })).toEqual(expected)
    expect(await gallery.remove({ metadata })).toBe(expected.length)
    expect(await gallery.info()).toMatchObject({ entries: 4 - expected.length })
  })

  test('selects by what the pictures hold', async () => {
    await using gallery = await open()
    await gallery.put(
      ['a', 'b', 'c'].map((id, seed) => entryOf(id, seed, { metadata: { sha256: `hash-${seed >> 1}` } })),
    )
    expect(await idsOf(gallery, { contents: ['hash-0', 'nobody'] })).toEqual(['a', 'b'])
    expect(await idsOf(gallery, { contents: ['hash-0'], items: ['item-b'] })).toEqual(['b'])
    expect(await idsOf(gallery, { contents: [] })).toEqual([])
  })

  test('keeps any text: emoji, tabs and 10 kB of it', async () => {
    await using gallery = await open()
    const label = `\u{1F9C3}\t\u{1F469}\u200D\u{1F52C} ${'long '.repeat(2_000)}`
    await gallery.put([entryOf('a', 1, { label, item: label, metadata: { [label.slice(0, 20)]: label } })])
    expect(await idsOf(gallery, { labels: [label] })).toEqual(['a'])
    expect((await gallery.get(['a']))[0]).toMatchObject({ label, item: label })
    expect((await gallery.search([vectorOf(1)], 1))[0]![0]).toMatchObject({ label })
    expect(await gallery.remove({ items: [label] })).toBe(1)
  })

  test('lists in the order of the ids, selected, with metadata and any text', async () => {
    await using gallery = await open()
    const label = 'Ünï “quoted” \u0000-free label with spaces 商品 '.padEnd(900, '.')
    const metadata = { price: 1.5, tags: ['a', 'b'], nested: { deep: null } }
    await gallery.put([entryOf('b', 2), entryOf("a'; DROP", 1, { label: label.replace('\u0000', ''), metadata })])
    const all: unknown[] = []
    for await (const entry of gallery.list({})) all.push(entry)
    expect(all).toEqual([
      { id: "a'; DROP", item: "item-a'; DROP", label: label.replace('\u0000', ''), metadata },
      { id: 'b', item: 'item-b', label: 'Label b', metadata: {} },
    ])
    expect(await idsOf(gallery, { items: ['item-b'] })).toEqual(['b'])
    expect(await idsOf(gallery, { ids: ['b'], items: ['item-a'] })).toEqual([])
  })

  test('lists more than a page', async () => {
    await using gallery = await open()
    const names = Array.from({ length: 1203 }, (_, index) => String(index).padStart(5, '0'))
    await gallery.put(names.map((id, seed) => entryOf(id, seed)))
    expect(await idsOf(gallery, {})).toEqual(names)
  })

  test('counts revisions up with every change, and only then', async () => {
    await using gallery = await open()
    const revisions: number[] = [(await gallery.info()).revision]
    await gallery.put([entryOf('a', 1)])
    revisions.push((await gallery.info()).revision)
    await gallery.remove({ ids: ['a'] })
    revisions.push((await gallery.info()).revision)
    expect(revisions[1]).toBeGreaterThan(revisions[0]!)
    expect(revisions[2]).toBeGreaterThan(revisions[1]!)
    await gallery.remove({ ids: ['a'] })
    await gallery.put([])
    expect((await gallery.info()).revision).toBe(revisions[2])
  })

  test.each([
    ['of another length', vectorOf(1, 16)],
    ['that is not of unit length', vectorOf(1).map((value) => value * 2)],
    ['of zeros', new Float32Array(32)],
    ['with NaN', vectorOf(1).fill(Number.NaN, 3, 4)],
  ])('refuses a vector %s, and with it the whole batch', async (_name, vector) => {
    await using gallery = await open()
    await expect(gallery.put([entryOf('good', 1), entryOf('bad', 2, { vector })])).rejects.toMatchObject({
      code: 'GALLERY_EMBEDDER',
      retryable: false,
    })
    expect(await gallery.info()).toMatchObject({ entries: 0 })
    await expect(gallery.search([vector], 1)).rejects.toMatchObject({ code: 'GALLERY_EMBEDDER' })
  })

  test('holds the last of several entries of one id that are put at once', async () => {
    await using gallery = await open()
    await gallery.put([entryOf('a', 1, { label: 'first' }), entryOf('b', 2), entryOf('a', 3, { label: 'last' })])
    expect(await gallery.info()).toMatchObject({ entries: 2, items: 2 })
    expect((await gallery.search([vectorOf(3)], 1))[0]![0]).toMatchObject({ id: 'a', label: 'last' })
  })

  test('counts items, not entries, and leaves two of one item with one', async () => {
    await using gallery = await open()
    await gallery.put([entryOf('a', 1, { item: 'x' }), entryOf('b', 2, { item: 'x' }), entryOf('c', 3)])
    expect(await gallery.info()).toMatchObject({ entries: 3, items: 2 })
    await gallery.remove({ ids: ['a'] })
    expect(await gallery.info()).toMatchObject({ entries: 2, items: 2 })
    await gallery.remove({ items: ['x'] })
    expect(await gallery.info()).toMatchObject({ entries: 1, items: 1 })
  })

  test('gives whole entries by their ids, and nothing for ids that are not there', async () => {
    await using gallery = await open()
    const metadata = { sha256: 'ab', size: { width: 3 } }
    const all = [entryOf('a', 1, { metadata }), ...Array.from({ length: 300 }, (_, seed) => entryOf(`n${seed}`, seed))]
    await gallery.put(all)
    const [found, ...others] = await gallery.get(['nobody', 'a', 'a', ''])
    expect(others).toEqual([])
    expect(found).toMatchObject({ id: 'a', item: 'item-a', label: 'Label a', metadata })
    expect(dot(found!.vector, vectorOf(1))).toBeCloseTo(1, 4)
    expect(await gallery.get([])).toEqual([])
    const many = await gallery.get(all.map(({ id }) => id))
    expect(many.map(({ id }) => id).toSorted()).toEqual(all.map(({ id }) => id).toSorted())
  })

  test('an entry that is got can be put again', async () => {
    await using gallery = await open()
    await gallery.put([entryOf('a', 1)])
    await gallery.put(await gallery.get(['a']))
    expect(await gallery.info()).toMatchObject({ entries: 1 })
  })

  test.each([0, -1])('finds nothing where %i hits are asked for', async (k) => {
    await using gallery = await open()
    await gallery.put([entryOf('a', 1), entryOf('b', 2)])
    expect(await gallery.search([vectorOf(1)], k)).toEqual([[]])
  })

  test('finds all where more hits are asked for than there are entries', async () => {
    await using gallery = await open()
    await gallery.put(Array.from({ length: 70 }, (_, seed) => entryOf(String(seed), seed)))
    const [hits] = await gallery.search([vectorOf(1)], 5000)
    expect(new Set(hits!.map(({ id }) => id)).size).toBe(70)
  })

  test('an empty selection matches all, one of no ids none', async () => {
    await using gallery = await open()
    await gallery.put([entryOf('a', 1), entryOf('b', 2)])
    expect(await idsOf(gallery, { ids: [] })).toEqual([])
    expect(await gallery.remove({ ids: [] })).toBe(0)
    expect(await gallery.remove({})).toBe(2)
    expect(await gallery.info()).toMatchObject({ entries: 0, items: 0 })
    expect(await gallery.search([vectorOf(1)], 3)).toEqual([[]])
  })
}
