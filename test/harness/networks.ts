/** Small networks of every kind, as ONNX files: their detectors always answer the given boxes, their embedders tell colours apart. */
import type { InputContract } from '../../shared/inference/model-manifest.ts'
import { noise } from './noise.ts'
import { type OnnxConstant, type OnnxNode, type OnnxValue, onnxFile } from './onnx-file.ts'

type Axis = number | string

/** What these networks take, as their manifests say it. */
export const smallInput = {
  name: 'image',
  width: 32,
  height: 32,
  layout: 'NCHW',
  colorOrder: 'RGB',
  interpolation: 'linear',
  scale: 1 / 255,
  mean: [0, 0, 0],
  std: [1, 1, 1],
} satisfies InputContract

/** Values of the float32 kind in -1 … 1, alike for equal seeds. */
const weights = (count: number, seed: number): Float32Array =>
  Float32Array.from(noise(count, seed), (byte) => (byte - 127.5) / 127.5)

const constant = (name: string, dims: readonly number[], values: readonly number[] | Float32Array): OnnxConstant => ({
  name,
  dims,
  data: Float32Array.from(values),
})

const imageOf = (height: number, batch: Axis = 'N', layout: 'NCHW' | 'NHWC' = 'NCHW', width = height): OnnxValue => ({
  name: 'image',
  shape: layout === 'NCHW' ? [batch, 3, height, width] : [batch, height, width, 3],
})

/** Mean colours of a 4 x 4 grid, projected by a seeded matrix; in a second file (embedderMatrix) where a `location` is given. */
export function embedderFile({
  size = 32,
  dimension = 768,
  batch = 'N' as Axis,
  seed = 1,
  isHalf = false,
  location = undefined as string | undefined,
} = {}): Buffer {
  return onnxFile({
    isHalf,
    input: imageOf(size, batch),
    outputs: [{ name: 'vector', shape: [batch, dimension] }],
    nodes: [
      {
        op: 'AveragePool',
        inputs: ['image'],
        outputs: ['grid'],
        attributes: { kernel_shape: [size / 4, size / 4], strides: [size / 4, size / 4] },
      },
      { op: 'Flatten', inputs: ['grid'], outputs: ['colours'] },
      { op: 'MatMul', inputs: ['colours', 'matrix'], outputs: ['vector'] },
    ],
    constants: [
      {
        ...constant('matrix', [48, dimension], weights(48 * dimension, seed)),
        ...(location === undefined ? {} : { location }),
      },
    ],
  })
}

/** What the second file of embedderFile holds. */
export const embedderMatrix = ({ dimension = 768, seed = 1 } = {}): Buffer =>
  Buffer.from(weights(48 * dimension, seed).buffer)

/** Outputs that are always the same: [1, …dims] of `values` for each picture, or without N where `isUnbatched`. */
export function fixedAnswers(
  answers: readonly { readonly name: string; readonly dims: readonly number[]; readonly values: readonly number[] }[],
  {
    size = 32,
    width = undefined as number | undefined,
    batch = 'N' as Axis,
    layout = 'NCHW' as 'NCHW' | 'NHWC',
    isUnbatched = false,
    isHalf = false,
  } = {},
): Buffer {
  const nodes: OnnxNode[] = []
  const constants: OnnxConstant[] = [constant('nothing', [], [0])]
  for (const { name, dims, values } of answers) {
    // A number a picture, made zero, carries N; adding the answer spreads it over the pictures.
    const axes = isUnbatched ? [0, 1, 2, 3] : [1, 2, 3]
    nodes.push(
      { op: 'ReduceMean', inputs: ['image'], outputs: [`${name}_mean`], attributes: { axes, keepdims: 0 } },
      { op: 'Mul', inputs: [`${name}_mean`, 'nothing'], outputs: [`${name}_zero`] },
    )
    if (isUnbatched) nodes.push({ op: 'Add', inputs: [`${name}_zero`, `${name}_values`], outputs: [name] })
    else {
      const shape: OnnxConstant = {
        name: `${name}_shape`,
        dims: [dims.length + 1],
        data: [-1n, ...dims.map(() => 1n)],
      }
      constants.push(shape)
      nodes.push(
        { op: 'Reshape', inputs: [`${name}_zero`, `${name}_shape`], outputs: [`${name}_start`] },
        { op: 'Add', inputs: [`${name}_start`, `${name}_values`], outputs: [name] },
      )
    }
    constants.push(constant(`${name}_values`, isUnbatched ? dims : [1, ...dims], values))
  }
  return onnxFile({
    isHalf,
    input: imageOf(size, batch, layout, width ?? size),
    outputs: answers.map(({ name, dims }) => ({
      name,
      shape: isUnbatched ? ['K', ...dims.slice(1)] : [batch, ...dims],
    })),
    nodes,
    constants,
  })
}

/** PicoDet heads of 1 class and 8 bins: a seeded 1 x 1 convolution of each cell's mean colour. */
export function picodetFile(size: number, heads: readonly string[], strides: readonly number[], seed = 1): Buffer {
  const nodes = heads.flatMap((head, level): OnnxNode[] => {
    const stride = strides[level]!
    return [
      {
        op: 'AveragePool',
        inputs: ['image'],
        outputs: [`${head}_cells`],
        attributes: { kernel_shape: [stride, stride], strides: [stride, stride] },
      },
      { op: 'Conv', inputs: [`${head}_cells`, 'weights', 'bias'], outputs: [head] },
    ]
  })
  const bias = Float32Array.from({ length: 33 }, (_, channel) => (channel === 0 ? -2 : 0))
  return onnxFile({
    input: imageOf(size),
    outputs: heads.map((name, level) => ({ name, shape: ['N', 33, size / strides[level]!, size / strides[level]!] })),
    nodes,
    constants: [constant('weights', [33, 3, 1, 1], weights(99, seed)), constant('bias', [33], bias)],
  })
}

/** As embedderFile, but on the way red is three hundred times stronger than green and blue. */
export function mutedEmbedderFile({ size = 32, dimension = 768, seed = 1 } = {}): Buffer {
  const diagonal = (red: number, other: number): number[] => [red, 0, 0, 0, other, 0, 0, 0, other]
  return onnxFile({
    input: imageOf(size),
    outputs: [{ name: 'vector', shape: ['N', dimension] }],
    nodes: [
      { op: 'Conv', inputs: ['image', 'unlike'], outputs: ['uneven'] },
      { op: 'Conv', inputs: ['uneven', 'alike'], outputs: ['even'] },
      {
        op: 'AveragePool',
        inputs: ['even'],
        outputs: ['grid'],
        attributes: { kernel_shape: [size / 4, size / 4], strides: [size / 4, size / 4] },
      },
      { op: 'Flatten', inputs: ['grid'], outputs: ['colours'] },
      { op: 'MatMul', inputs: ['colours', 'matrix'], outputs: ['vector'] },
    ],
    constants: [
      constant('unlike', [3, 3, 1, 1], diagonal(300, 1)),
      constant('alike', [3, 3, 1, 1], diagonal(1 / 300, 1)),
      constant('matrix', [48, dimension], weights(48 * dimension, seed)),
    ],
  })
}

/**
 * As YOLO is exported, [N, 5, 4]: in each quarter of the picture a box of a third of its side, its score above a quarter.
 * Pixels up to `size` and scores below 1 lie in one tensor.
 */
export function yoloFile({ size = 320, seed = 1 } = {}): Buffer {
  const quarters = Float32Array.from([1, 3, 1, 3, 1, 1, 3, 3], (quarter) => (quarter * size) / 4)
  const sides = new Float32Array(8).fill(size / 3)
  return onnxFile({
    input: imageOf(size),
    outputs: [{ name: 'anchors', shape: ['N', 5, 4] }],
    nodes: [
      {
        op: 'AveragePool',
        inputs: ['image'],
        outputs: ['cells'],
        attributes: { kernel_shape: [size / 2, size / 2], strides: [size / 2, size / 2] },
      },
      { op: 'Conv', inputs: ['cells', 'shifts'], outputs: ['shifted'] },
      { op: 'Add', inputs: ['shifted', 'places'], outputs: ['placed'] },
      { op: 'Conv', inputs: ['cells', 'logits', 'bias'], outputs: ['logit'] },
      { op: 'Sigmoid', inputs: ['logit'], outputs: ['score'] },
      { op: 'Concat', inputs: ['placed', 'score'], outputs: ['both'], attributes: { axis: 1 } },
      { op: 'Reshape', inputs: ['both', 'shape'], outputs: ['anchors'] },
    ],
    constants: [
      constant('shifts', [4, 3, 1, 1], weights(12, seed)),
      constant('places', [1, 4, 2, 2], Float32Array.from([...quarters, ...sides])),
      constant('logits', [1, 3, 1, 1], [0.1, 0.1, 0.1]),
      constant('bias', [1], [-0.5]),
      { name: 'shape', dims: [3], data: [0n, 5n, 4n] },
    ],
  })
}
