/** A label that no entry has is told, with those that it may have been meant to be. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openGallery } from '../../../shared/gallery/open-gallery.ts'
import { closestLabels, tellUnknownLabels } from '../../../shared/gallery/unknown-labels.ts'
import { embedder, entryOf } from '../../harness/gallery/entries.ts'

const known = ['Cola', 'Cola Zero', 'Oat Drink', 'Tea', 'Café', '可乐', 'Лимонад', 'Müsli Riegel Schoko 40 g']

test.each([
  ['Colla', ['Cola']],
  ['cola', ['Cola', 'Cola Zero']],
  ['Cola  Zero', ['Cola Zero']],
  ['Oat Dirnk', ['Oat Drink']],
  ['Cafe\u0301', ['Café']],
  ['可樂', ['可乐']],
  ['Лимонат', ['Лимонад']],
  ['Riegel Schoko', ['Müsli Riegel Schoko 40 g']],
  ['a box of screws', []],
])('%s', (wanted, closest) => {
  expect(closestLabels(wanted, known)).toEqual(closest)
})

test('a gallery of many labels is looked through in a moment, and names three at most', () => {
  const many = Array.from({ length: 100_000 }, (_, index) => `Product number ${index}`)
  const start = process.cpuUsage()
  expect(closestLabels('Product numbr 4711', many)).toHaveLength(3)
  expect(closestLabels('x'.repeat(20_000), many)).toEqual([])
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(10_000)
})

test('tells what no entry has, once each, and nothing where all are known', async () => {
  const folder = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'gallery')
  await using gallery = await openGallery(folder, embedder, 'create')
  await gallery.put(known.map((label, index) => entryOf(`${index}`, index, { label })))
  expect(await tellUnknownLabels(gallery, ['Cola', 'Tea'])).toEqual([])
  expect(await tellUnknownLabels(gallery, ['Cola', 'Tae', 'Tae', 'screwdriver'])).toEqual([
    "no entry of the gallery has the label 'Tae'; did you mean 'Tea'?",
    "no entry of the gallery has the label 'screwdriver'",
  ])
})
