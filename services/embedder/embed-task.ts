/** What the embedder's workers do: resize, run the network on the whole batch, scale each vector to unit length. */

import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { cutRows } from '@sightline/shared/imaging/crop.ts'
import type { Pixels } from '@sightline/shared/imaging/decode.ts'
import { Kernels } from '@sightline/shared/imaging/kernels/kernels.ts'
import { wholeRect } from '@sightline/shared/imaging/rows.ts'
import { canaryPattern } from '@sightline/shared/inference/canary-pattern.ts'
import { feeder } from '@sightline/shared/inference/input-tensor.ts'
import type { EmbedderManifest } from '@sightline/shared/inference/model-manifest.ts'
import type { RunNetwork, Task } from '@sightline/shared/inference/session.ts'

export interface EmbedContract {
  readonly input: EmbedderManifest['input']
  readonly output: EmbedderManifest['output']
  readonly canary: EmbedderManifest['canary']
}

export interface EmbedInput {
  readonly pixels: Pixels
}

/** L2-normalized. */
export type EmbedOutput = Float32Array<ArrayBuffer>

/** A shorter vector has no direction; the reference divides by its length anyway and answers NaN. */
const epsilon = 1e-6

/** A function that gives one vector for each picture, in order. */
export function embedWith({
  input,
  output,
}: Omit<EmbedContract, 'canary'>): (pictures: readonly Pixels[], run: RunNetwork) => Promise<EmbedOutput[]> {
  const { width, height, interpolation } = input
  const kernels = new Kernels()
  const feed = feeder<Pixels>(input, kernels, (picture, target) =>
    cutRows(kernels, { picture, rect: wholeRect(picture), width, height, interpolation }, target),
  )
  const { name, dimension } = output
  return async (pictures, run) =>
    (await feed(pictures, run)).flatMap(({ outputs, count }) => {
      const vectors = outputs[name]!.data
      if (vectors.length !== count * dimension) {
        throw new SightlineError(
          'MODEL_CONTRACT',
          `the embedder answers ${count} pictures with ${vectors.length} values of ${name}, the manifest says ${dimension} each`,
        )
      }
      return Array.from({ length: count }, (_, index) =>
        normalize(vectors.slice(index * dimension, (index + 1) * dimension)),
      )
    })
}

export function createTask({ input, output, canary }: EmbedContract): Task<EmbedInput, EmbedOutput> {
  const embed = embedWith({ input, output })

  return {
    async process(batch, run) {
      const outputs = await embed(
        batch.map(({ pixels }) => pixels),
        run,
      )
      return { outputs, transfer: outputs.map(({ buffer }) => buffer) }
    },

    async checkCanary(run) {
      const pattern = canaryPattern(input)
      const negative = { ...pattern, data: pattern.data.map((value) => 255 - value) }
      const [vector, other] = await embed([pattern, negative], run)
      const similarity = dot(vector!, Float32Array.from(canary.embedding))
      if (!(similarity >= canary.minCosine)) {
        throw canaryError(
          `with a vector whose cosine to the recorded one is ${similarity.toFixed(4)}, not ${canary.minCosine}`,
        )
      }
      if (dot(vector!, other!) > 0.9999) throw canaryError('with the same vector as its negative')
    },
  }
}

/** Scales to unit length in place; throws INFERENCE_FAILED for a vector without direction. */
export function normalize(vector: EmbedOutput): EmbedOutput {
  const length = Math.sqrt(dot(vector, vector))
  if (!(length > epsilon && Number.isFinite(length))) {
    throw new SightlineError('INFERENCE_FAILED', `the embedder answered with a vector of length ${length}`)
  }
  for (let index = 0; index < vector.length; index += 1) vector[index]! /= length
  return vector
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let index = 0; index < a.length; index += 1) sum += a[index]! * b[index]!
  return sum
}

const canaryError = (what: string): SightlineError =>
  new SightlineError(
    'MODEL_CANARY',
    `the embedder answers its canary ${what}: the weights, the runtime or the execution provider compute something else; run 'sightline models verify'`,
  )
