/** What a gallery keeps of its owner's decisions; part of the contract of every driver. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { embedder, entryOf } from '../entries.ts'
import { type ContractTools, other } from './tools.ts'

const rules = {
  threshold: 0.6,
  items: { 'item 1\t\u{1F9C3}': 0.8, "it's": -0.5 },
  labels: { 商品: 0.7 },
  calibration: { slope: 12.5, offset: -7, answers: 300, revision: 3 },
}

export function rulesContract({ newLocation, openNew, open, build, lateInfo }: ContractTools): void {
  test('has none at first', async () => {
    await using gallery = await openNew()
    expect(await gallery.rules()).toEqual({ items: {}, labels: {} })
  })

  test('keeps them, for all who read it, and counts the change', async () => {
    const location = await newLocation()
    await using gallery = await open(location, 'create')
    await using reader = await open(location, 'read')
    await gallery.put([entryOf('a', 1)])
    const { revision } = await gallery.info()
    await gallery.setRules(rules)
    expect(await gallery.rules()).toEqual(rules)
    expect(await reader.rules()).toEqual(rules)
    expect(await gallery.info()).toEqual({ revision: revision + 1, entries: 1, items: 1, embedder })
    await sleep(lateInfo?.ms ?? 0)
    expect(await reader.info()).toMatchObject({ revision: revision + 1 })
    await gallery.setRules({ items: {}, labels: {} })
    expect(await reader.rules()).toEqual({ items: {}, labels: {} })
    await using again = await open(location, 'read')
    expect(await again.rules()).toEqual({ items: {}, labels: {} })
  })

  test.each([
    ['a threshold of 2', { items: {}, labels: {}, threshold: 2 }],
    ['a threshold that is no number', { items: { a: Number.NaN }, labels: {} }],
    ['a calibration that falls', { items: {}, labels: {}, calibration: { ...rules.calibration, slope: -1 } }],
  ])('refuses %s, and keeps what was there', async (_what, wrong) => {
    await using gallery = await openNew()
    await gallery.setRules(rules)
    await expect(gallery.setRules(wrong)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect(await gallery.rules()).toEqual(rules)
  })

  test('keeps them through a build of the same embedder, and forgets them with another', async () => {
    const location = await newLocation()
    {
      await using gallery = await open(location, 'create')
      await gallery.put([entryOf('a', 1)])
      await gallery.setRules(rules)
    }
    {
      await using next = await build(location)
      await next.draft.put([entryOf('b', 2)])
      await next.publish()
    }
    {
      await using gallery = await open(location, 'read')
      expect(await gallery.rules()).toEqual(rules)
      expect(await gallery.info()).toMatchObject({ entries: 1, items: 1 })
    }
    {
      await using next = await build(location, other)
      await next.publish()
    }
    await using gallery = await open(location, 'read', other)
    expect(await gallery.rules()).toEqual({ items: {}, labels: {} })
  })
}
