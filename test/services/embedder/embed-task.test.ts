/** The embedder's task around a network that is not there: what it feeds it, and what it makes of its answers. */
import { expect, test } from 'vitest'
import { createTask, type EmbedContract, normalize } from '../../../services/embedder/embed-task.ts'
import type { RunNetwork } from '../../../shared/inference/session.ts'

const contract: EmbedContract = {
  input: {
    name: 'image',
    width: 4,
    height: 2,
    layout: 'NCHW',
    colorOrder: 'RGB',
    interpolation: 'linear',
    scale: 1,
    mean: [0, 0, 0],
    std: [1, 1, 1],
  },
  output: { kind: 'embedding', name: 'embedding', dimension: 2 },
  canary: { embedding: [1, 0], minCosine: 0.999 },
}
const task = createTask(contract)

const answering =
  (...values: number[]): RunNetwork =>
  async () => ({ embedding: { data: Float32Array.from(values), dims: [values.length / 2, 2] } })

const pixels = (width: number, height: number, value: number) => ({
  pixels: { data: new Uint8Array(width * height * 3).fill(value), width, height },
})

test('each picture gets its own vector, of unit length', async () => {
  const { outputs } = await task.process([pixels(4, 2, 1), pixels(4, 2, 2)], answering(3, 4, 0, -2))
  expect(outputs.map((vector) => Array.from(vector, (value) => Math.round(value * 100) / 100))).toEqual([
    [0.6, 0.8],
    [0, -1],
  ])
})

test('a picture of another size is resized to the network’s', async () => {
  let fed: readonly number[] = []
  await task.process([pixels(9, 7, 5)], async (feeds) => {
    fed = [...feeds['image']!.dims, ...new Set(feeds['image']!.data)]
    return answering(1, 0)(feeds)
  })
  expect(fed).toEqual([1, 3, 2, 4, 5])
})

test.each([
  ['zero', [0, 0]],
  ['not a number', [Number.NaN, 1]],
  ['infinite', [Number.POSITIVE_INFINITY, 1]],
])('a vector that is %s has no direction and is refused, not passed on as NaN', (_name, values) => {
  expect(() => normalize(Float32Array.from(values))).toThrow(expect.objectContaining({ code: 'INFERENCE_FAILED' }))
})

test('a network that answers everything alike fails its canary', async () => {
  await expect(task.checkCanary(answering(1, 0, 1, 0))).rejects.toMatchObject({
    code: 'MODEL_CANARY',
    message: expect.stringContaining('same vector'),
  })
  await expect(task.checkCanary(answering(0, 1, 1, 0))).rejects.toThrow(/cosine to the recorded one is 0.0000/)
  await task.checkCanary(answering(5, 0, 1, 1))
})
