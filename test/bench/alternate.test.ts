/** What is measured beside each other, and a rival that does not start. */
import { expect, test } from 'vitest'
import { alternate, work } from '../../bench/alternate.ts'
import { NotMeasured } from '../../bench/part.ts'
import { openRival } from '../../bench/rival/rival.ts'

test('all are warmed up, then each is measured once a round, every second round backwards', async () => {
  const calls: string[] = []
  const contender = (name: string) => (items: number) => work(items, async () => void calls.push(`${name} ${items}`))
  const found = await alternate(
    { a: contender('a'), b: contender('b') },
    { rounds: 3, items: 10, tell: () => undefined },
  )
  expect(calls.join(', ')).toBe('a 3, b 3, a 10, b 10, b 10, a 10, a 10, b 10')
  expect(found.a).toHaveLength(3)
  for (const round of found.b) expect(round).toMatchObject({ items: 10, others: expect.any(Number) })
})

test('processor time is that of this process and of what runs elsewhere for it', async () => {
  let elsewhere = 5
  const { cpuSeconds } = await work(
    1,
    async () => {
      elsewhere = 25
    },
    () => elsewhere,
  )
  expect(cpuSeconds).toBeGreaterThanOrEqual(20)
})

test.each([
  ['a Python that is not there', '/no/python', /ENOENT/],
  ['one that ends at once', process.execPath, /paddle ended: .+/],
])('%s is told as not measured, with its last words', async (_what, python, reason) => {
  const nowhere = { detector: 'a', embedder: 'b', pictures: 'c', gallery: 1, threads: 1 }
  const opening = openRival({ python, engine: 'paddle', ...nowhere })
  await expect(opening).rejects.toThrow(NotMeasured)
  await expect(opening).rejects.toThrow(reason)
})
