/** Writes small ONNX graphs, so that tests have networks whose answers are known: the protobuf encoding of onnx.proto3, by hand. */

/** An attribute of a node: whole number, list of them, or text. */
type Attribute = number | readonly number[]

export interface OnnxNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, Attribute>>
}

export interface OnnxConstant {
  readonly name: string
  readonly dims: readonly number[]
  readonly data: Float32Array | readonly bigint[]
  /** Path of a second file that holds the values, alone: the graph only names it. */
  readonly location?: string
}

/** An axis that is not fixed has a name. */
export interface OnnxValue {
  readonly name: string
  readonly shape: readonly (number | string)[]
}

export interface OnnxGraph {
  readonly input: OnnxValue
  readonly outputs: readonly OnnxValue[]
  readonly nodes: readonly OnnxNode[]
  readonly constants: readonly OnnxConstant[]
  /** Takes and gives float16, and computes in float32 in between. @default false */
  readonly isHalf?: boolean
}

/** Numbers of onnx.proto3's element types. */
const [float32, float16] = [1, 10]

/** The file's bytes: opset 17, all tensors float32 but for the inputs and outputs of a half graph. */
export function onnxFile(described: OnnxGraph): Buffer {
  const { input, outputs, nodes, constants, isHalf = false } = withCasts(described)
  const type = isHalf ? float16 : float32
  const graph = [
    ...nodes.map((node) => message(1, nodeOf(node))),
    text(2, 'test'),
    ...constants.map((constant) => message(5, tensorOf(constant))),
    message(11, valueInfo(input, type)),
    ...outputs.map((output) => message(12, valueInfo(output, type))),
  ]
  return Buffer.concat([
    integer(1, 8), // IR version
    message(7, graph),
    message(8, [text(1, ''), integer(2, 17)]),
  ])
}

/** With casts at both ends where the graph is a half one. */
function withCasts(graph: OnnxGraph): OnnxGraph {
  if (graph.isHalf !== true) return graph
  const { input, outputs, nodes } = graph
  const ends = new Set([input.name, ...outputs.map(({ name }) => name)])
  const inside = (name: string): string => (ends.has(name) ? `${name}_float32` : name)
  const cast = (from: string, name: string, to: number): OnnxNode => ({
    op: 'Cast',
    inputs: [from],
    outputs: [name],
    attributes: { to },
  })
  return {
    ...graph,
    nodes: [
      cast(input.name, inside(input.name), float32),
      ...nodes.map((node) => ({ ...node, inputs: node.inputs.map(inside), outputs: node.outputs.map(inside) })),
      ...outputs.map(({ name }) => cast(inside(name), name, float16)),
    ],
  }
}

const nodeOf = ({ op, inputs, outputs, attributes = {} }: OnnxNode): Buffer[] => [
  ...inputs.map((name) => text(1, name)),
  ...outputs.map((name) => text(2, name)),
  text(4, op),
  ...Object.entries(attributes).map(([name, value]) => message(5, attributeOf(name, value))),
]

function attributeOf(name: string, value: Attribute): Buffer[] {
  if (typeof value !== 'number') return [text(1, name), ...value.map((one) => integer(8, one)), integer(20, 7)]
  return [text(1, name), integer(3, value), integer(20, 2)]
}

function tensorOf({ name, dims, data, location }: OnnxConstant): Buffer[] {
  const isFloat = data instanceof Float32Array
  const raw = isFloat ? data : BigInt64Array.from(data)
  const about = [...dims.map((size) => integer(1, size)), integer(2, isFloat ? float32 : 7), text(8, name)]
  if (location === undefined) return [...about, bytes(9, Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength))]
  return [...about, message(13, [text(1, 'location'), text(2, location)]), integer(14, 1)]
}

const valueInfo = ({ name, shape }: OnnxValue, type: number): Buffer[] => {
  const axes = shape.map((size) => message(1, [typeof size === 'number' ? integer(1, size) : text(2, size)]))
  return [text(1, name), message(2, [message(1, [integer(1, type), message(2, axes)])])]
}

const integer = (field: number, value: number): Buffer => Buffer.concat([varint(field << 3), varint(value)])
const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value))
const message = (field: number, parts: readonly Buffer[]): Buffer => bytes(field, Buffer.concat(parts))
const bytes = (field: number, value: Buffer): Buffer =>
  Buffer.concat([varint((field << 3) | 2), varint(value.length), value])

function varint(value: number): Buffer {
  const out: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    out.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Buffer.from(out)
}
