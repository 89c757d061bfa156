/** Retrieval figures are those that test/golden/retrieval.json tells both languages. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type LabelledVector, retrievalMetrics } from '../../evaluation/retrieval.ts'

type Entry = readonly [label: string, vector: readonly number[]]

interface Figures {
  readonly 'recall@1': number
  readonly 'recall@5': number
  readonly mAP: number
  readonly queries: number
}

const golden = JSON.parse(readFileSync(new URL('../golden/retrieval.json', import.meta.url), 'utf8')) as {
  readonly asked: readonly {
    readonly name: string
    readonly queries: readonly Entry[]
    readonly gallery: readonly Entry[]
    readonly figures: Figures
  }[]
  readonly among: readonly { readonly name: string; readonly pictures: readonly Entry[]; readonly figures: Figures }[]
}

const labelled = (entries: readonly Entry[]): LabelledVector[] =>
  entries.map(([label, vector]) => ({ label, vector: Float32Array.from(vector) }))

const near = (value: number): unknown => expect.closeTo(value, 8)
const expected = (figures: Figures): object => ({
  'recall@1': near(figures['recall@1']),
  'recall@5': near(figures['recall@5']),
  mAP: near(figures.mAP),
})

describe('of a gallery', () => {
  test.each(golden.asked)('$name', ({ queries, gallery, figures }) => {
    const found = retrievalMetrics(labelled(queries), labelled(gallery))
    expect(found).toMatchObject({ ...expected(figures), queries: figures.queries, gallery: gallery.length })
  })
})

describe('of pictures among themselves, each asked of the others', () => {
  test.each(golden.among)('$name', ({ pictures, figures }) => {
    const all = labelled(pictures)
    const each = all.map((query, number) => retrievalMetrics([query], all.toSpliced(number, 1)))
    const mean = (name: 'recall@1' | 'recall@5' | 'mAP'): number =>
      each.reduce((sum, found) => sum + found[name], 0) / each.length
    expect({ 'recall@1': mean('recall@1'), 'recall@5': mean('recall@5'), mAP: mean('mAP') }).toMatchObject(
      expected(figures),
    )
  })
})
