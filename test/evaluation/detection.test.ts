/** Detection figures are those that test/golden/detection.json tells both languages. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type DetectionMetrics, detectionMetrics } from '../../evaluation/detection.ts'

type Numbers = readonly number[]

const golden = JSON.parse(readFileSync(new URL('../golden/detection.json', import.meta.url), 'utf8')) as readonly {
  readonly name: string
  readonly pictures: readonly {
    readonly truth: readonly Numbers[]
    readonly ignore: readonly Numbers[]
    /** Score, then corners. */
    readonly found: readonly Numbers[]
  }[]
  readonly figures: DetectionMetrics
}[]

const box = ([x1 = 0, y1 = 0, x2 = 0, y2 = 0]: Numbers) => ({ x1, y1, x2, y2 })

test.each(golden)('$name', ({ pictures, figures }) => {
  const found = detectionMetrics(
    pictures.map(({ truth, ignore, found }) => ({
      truth: truth.map(box),
      ignore: ignore.map(box),
      found: found.map(([score = 0, ...corners]) => ({ score, box: box(corners) })),
    })),
  )
  for (const name of ['AP50', 'AP', 'recall@100'] as const) expect(found[name], name).toBeCloseTo(figures[name], 8)
})
