/** The limit: the networks of a pair and nothing else, one picture a run, one worker a core. */
import sharp from 'sharp'
import { axesOf } from '../shared/inference/graph-check.ts'
import type { Model } from '../shared/inference/model-manifest.ts'
import { readDetector, readEmbedder } from '../shared/inference/models-folder.ts'
import { openOnnxSession } from '../shared/inference/onnx-session.ts'
import type { Session } from '../shared/inference/session.ts'
import { cores } from './machine.ts'

export interface BareOptions {
  /** Pictures of one run after the other. */
  readonly batches: readonly number[]
  readonly workers: number
  readonly threads: number
}

/** A session that takes how often its network is to run its batches, one such order a worker at a time. */
export const openBare = (model: Model, { batches, workers, threads }: BareOptions): Promise<Session<number, null>> =>
  openOnnxSession({
    model,
    task: new URL('./bare-task.ts', import.meta.url),
    contract: { name: model.manifest.input.name, axes: axesOf(model.manifest.input), batches },
    workers,
    threadsPerWorker: threads,
    maxBatch: 1,
  })

/** Pictures whose detector runs are done before their embedder's: orders to the workers cost nothing so. */
const together = 4

export interface BareNetworks extends AsyncDisposable {
  /**
   * Does for each picture what a pipeline can't do without: `looks` runs of the detector, `crops` of the embedder, and with
   * `jpegs` decoding, cores side by side.
   */
  run(crops: readonly number[], jpegs?: readonly Uint8Array[], looks?: number): Promise<void>
  /** The same for one picture by itself, its crops on all cores. */
  one(crops: number, jpeg: Uint8Array, looks: number): Promise<void>
  /** One picture by itself, its crops on all cores. */
  detect(): Promise<unknown>
  embed(crops: number): Promise<unknown>
}

export async function openBareNetworks(models: string): Promise<BareNetworks> {
  await using scope = new AsyncDisposableStack()
  const options = { batches: [1], workers: cores, threads: 1 }
  const detector = scope.use(await openBare(await readDetector(models), options))
  const embedder = scope.use(await openBare(await readEmbedder(models), options))
  const embed = (crops: number): Promise<unknown> =>
    Promise.all(Array.from({ length: crops }, () => embedder.submit(1)))
  const owned = scope.move()
  return {
    async run(crops, jpegs, looks = 1) {
      let next = 0
      // One chain a core: what one of them does is never in another's way.
      const chain = async () => {
        for (let from = next; from < crops.length; from = next) {
          const own = crops.slice(from, from + together)
          next += own.length
          const pictures = jpegs === undefined ? [] : own.map((_, index) => jpegs[(from + index) % jpegs.length]!)
          for (const jpeg of pictures) await sharp(jpeg).raw().toBuffer()
          await detector.submit(own.length * looks)
          await embedder.submit(own.reduce((sum, count) => sum + count, 0))
        }
      }
      await Promise.all(Array.from({ length: cores }, chain))
    },
    async one(crops, jpeg, looks) {
      await sharp(jpeg).raw().toBuffer()
      await detector.submit(looks)
      await embed(crops)
    },
    detect: () => detector.submit(1),
    embed,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
