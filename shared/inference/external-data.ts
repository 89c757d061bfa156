/** Which other files an ONNX file keeps weights in: read from its protobuf alone, nothing of it is run. */
import { readFile } from 'node:fs/promises'
import { posix } from 'node:path'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { describeError, SightlineError } from '../errors/errors.ts'
import { isInside } from './model-files.ts'

/** The messages of onnx.proto3 on the way to a tensor, by the numbers of their fields. */
const messages = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: { 13: 'entry' },
  entry: {},
} as const satisfies Record<string, Readonly<Record<number, string>>>

type Message = keyof typeof messages

/** Graphs in graphs: as deep as protobuf itself reads. */
const deepest = 100

/**
 * Paths as the file gives them, relative to its folder, each once; none for a file that is no ONNX file: opening it says so.
 * Throws MODEL_MISSING where the file can't be read, and MODEL_CONTRACT for a path that leads out of the folder.
 */
export async function externalData(path: string): Promise<readonly string[]> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new SightlineError('MODEL_MISSING', `reading model weights ${path}: ${describeError(cause)}`, { cause })
  })
  const found = new Set<string>()
  try {
    collect(bytes, 'model', found, 0)
  } catch (error) {
    // What can't be read as protobuf is thrown as a RangeError or a plain Error.
    if (!(error instanceof Error)) throw error
    return []
  }
  return [...found].map((location) => {
    const name = location.split('/').includes('..') ? location : posix.normalize(location)
    if (isInside(name)) return name
    throw new SightlineError(
      'MODEL_CONTRACT',
      `${path} has weights in a second file '${location}', which leads out of its folder: save it anew with the weights beside it, or all in one file`,
    )
  })
}

function collect(bytes: Uint8Array, message: Message, found: Set<string>, depth: number): void {
  if (depth > deepest) throw new Error('nested too deeply')
  const reader = new BinaryReader(bytes)
  const fields: Readonly<Record<number, Message>> = messages[message]
  let [key, value] = ['', '']
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    const inner = fields[field]
    if (message === 'entry' && field === 1) key = reader.string()
    else if (message === 'entry' && field === 2) value = reader.string()
    else if (inner !== undefined && type === WireType.LengthDelimited) {
      collect(reader.bytes(), inner, found, depth + 1)
    } else reader.skip(type, field)
  }
  if (key === 'location') found.add(value)
}
