/** Whether a graph is the one that its manifest describes: names, types and shapes, as far as the graph fixes them. */
import { cellStrides, gridOf } from './detector-grid.ts'
import type { DetectorOutput, YoloOutput } from './detector-output.ts'
import type { EmbedderManifest, InputContract } from './model-manifest.ts'

export type NetworkOutput = DetectorOutput | EmbedderManifest['output']

/** An input or output of a graph; an axis that is not fixed has a name or -1. */
export interface GraphValue {
  readonly name: string
  readonly type: string
  readonly shape: readonly (number | string)[]
}

export interface Graph {
  readonly inputs: readonly GraphValue[]
  readonly outputs: readonly GraphValue[]
}

/** Axes as they have to be; null where any size will do. */
type Axes = readonly (number | null)[]

/** An output and the shapes it may have, without the pictures in front. */
interface Expected {
  readonly name: string
  readonly shapes: readonly Axes[]
  /** The shape may also come without N in front. */
  readonly isUnbatched?: boolean
}

/** What of the graph does not fit, or null. */
export function graphProblem(input: InputContract, output: NetworkOutput, graph: Graph): string | null {
  return inputProblem(input, graph) ?? outputsProblem(input, output, graph)
}

function inputProblem(input: InputContract, { inputs }: Graph): string | null {
  const [value] = inputs
  if (inputs.length !== 1 || value?.name !== input.name) {
    return `the graph's input is ${inputs.map(({ name }) => name).join(', ')}, the manifest's ${input.name}`
  }
  if (!isFloat(value)) return `the graph's input is ${value.type}; only float32 and float16 are fed`
  const axes = axesOf(input)
  if (!fits(value.shape.slice(1), axes) || value.shape.length !== 4) {
    return `the graph takes ${shapeText(value.shape)}, the manifest says ${shapeText(['N', ...axes])} (${input.layout})`
  }
  const batch = value.shape[0]
  if (isFixed(batch) && batch !== 1) return `the graph takes exactly ${batch} pictures a run; export it with 1 or any`
  if (batch === 1 && input.maxBatch !== 1) {
    return 'the graph takes one picture a run: input.maxBatch has to be 1 in the manifest, or the graph a free first axis'
  }
  return null
}

function outputsProblem(input: InputContract, output: NetworkOutput, { outputs }: Graph): string | null {
  const expected = expectedOutputs(input, output)
  const names = outputs.map(({ name }) => name)
  const missing = expected.filter(({ name }) => !names.includes(name))
  if (missing.length > 0) {
    return `the graph's outputs are ${names.join(', ')}, the manifest names ${missing.map(({ name }) => name).join(', ')}`
  }
  for (const { name, shapes, isUnbatched = false } of expected) {
    const value = outputs.find((one) => one.name === name)!
    const { type, shape } = value
    if (!isFloat(value)) return `the graph's output ${name} is ${type}; only float32 and float16 are read`
    // A graph need not say what its outputs are like; then the first run does.
    if (shape.length === 0) continue
    const batched = shapes.some((axes) => fits(shape.slice(1), axes))
    const unbatched = isUnbatched && shapes.some((axes) => fits(shape, axes))
    if (!batched && !unbatched) {
      const wanted = shapes.map((axes) => shapeText(['N', ...axes])).join(' or ')
      return `the graph's output ${name} is ${shapeText(shape)}, the manifest's kind '${output.kind}' means ${wanted}`
    }
    if (unbatched && !batched && input.maxBatch !== 1) {
      return `the graph's output ${name} is ${shapeText(shape)}, without the pictures in front: input.maxBatch has to be 1`
    }
  }
  return null
}

function expectedOutputs(input: InputContract, output: NetworkOutput): readonly Expected[] {
  switch (output.kind) {
    case 'picodet':
      return output.heads.flatMap((head, level): Expected[] => {
        const { columns, rows } = gridOf(input, output.strides[level] ?? 1)
        const [classes, sides] = [output.classes ?? 1, 4 * output.bins]
        if (typeof head === 'string') return [{ name: head, shapes: [[classes + sides, rows, columns]] }]
        return [
          { name: head.scores, shapes: [[rows * columns, classes]] },
          { name: head.distances, shapes: [[rows * columns, sides]] },
        ]
      })
    case 'boxes':
      return output.scores === undefined
        ? [{ name: output.boxes, shapes: [[null, 6]], isUnbatched: true }]
        : [
            { name: output.boxes, shapes: [[null, 4]], isUnbatched: true },
            { name: output.scores, shapes: [[null]], isUnbatched: true },
          ]
    case 'yolo':
      return yoloOutputs(input, output)
    case 'embedding':
      return [{ name: output.name, shapes: [[output.dimension], [output.dimension, 1, 1]] }]
  }
}

function yoloOutputs(input: InputContract, output: YoloOutput): readonly Expected[] {
  const { name, scores, classes, axes, objectness = false } = output
  const grids = cellStrides(output)?.map((stride) => gridOf(input, stride))
  const anchors = grids?.reduce((sum, { columns, rows }) => sum + columns * rows, 0) ?? null
  const shapeOf = (values: number): Axes => (axes === 'anchors values' ? [anchors, values] : [values, anchors])
  const beside = (objectness ? 1 : 0) + classes
  if (scores === undefined) return [{ name, shapes: [shapeOf(4 + beside)] }]
  return [
    { name, shapes: [shapeOf(4)] },
    { name: scores, shapes: [shapeOf(beside)] },
  ]
}

/** The names of the outputs that are read. */
export const outputNames = (input: InputContract, output: NetworkOutput): readonly string[] =>
  expectedOutputs(input, output).map(({ name }) => name)

/** Axes of one picture in the network's layout. */
export const axesOf = ({ layout, width, height }: InputContract): readonly [number, number, number] =>
  layout === 'NCHW' ? [3, height, width] : [height, width, 3]

const isFloat = ({ type }: GraphValue): boolean => type === 'float32' || type === 'float16'

const isFixed = (size: number | string | undefined): size is number => typeof size === 'number' && size >= 0

const fits = (shape: readonly (number | string)[], axes: Axes): boolean =>
  shape.length === axes.length && axes.every((axis, at) => axis === null || !isFixed(shape[at]) || shape[at] === axis)

const shapeText = (shape: readonly (number | string | null)[]): string =>
  `[${shape.map((size) => (size === null || size === -1 || size === '' ? '?' : size)).join(', ')}]`
