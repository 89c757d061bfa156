/** Archives like the published ones, and a converter for them that needs no Paddle: it gives out prepared networks. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { cataloguePair, roles } from '../../registry/catalogue.ts'
import { recordDetectorCanary } from '../../services/detector/session.ts'
import { recordEmbedderCanary } from '../../services/embedder/session.ts'
import { embedderFile, picodetFile } from '../harness/networks.ts'

export const pair = cataloguePair('pp-shituv2')
export const names = roles.map((role) => pair[role].name)
const heads = ['h8', 'h16', 'h32', 'h64']

/** A tar of one folder as the publisher makes it; `text` stands for the weights. */
export async function archive(text = 'weights', folder = 'model_infer'): Promise<Buffer> {
  const tar = pack()
  tar.entry({ name: `${folder}/`, type: 'directory' })
  tar.entry({ name: `${folder}/inference.pdmodel` }, 'program')
  tar.entry({ name: `${folder}/inference.pdiparams` }, text)
  tar.finalize()
  return await buffer(tar)
}

export async function archives(): Promise<Record<string, Buffer>> {
  return {
    [pair.detector.archive]: await archive('weights of the detector'),
    [pair.embedder.archive]: await archive('weights of the embedder'),
  }
}

export interface FakePython {
  /** Its path. */
  readonly python: string
  /** Replaces a part of what it writes as conversion.json. */
  readonly change: (role: 'detector' | 'embedder', part: object) => Promise<void>
}

/** A program that answers as a Python with convert.py does. */
export async function fakePython(folder: string): Promise<FakePython> {
  const networks = {
    detector: picodetFile(640, heads, pair.detector.output.strides),
    embedder: embedderFile({ size: 224, dimension: 512 }),
  }
  const conversions: Record<'detector' | 'embedder', object> = { detector: {}, embedder: {} }
  const inputs = {
    detector: { name: 'image', width: 640, height: 640 },
    embedder: { name: 'image', width: 224, height: 224 },
  }
  for (const role of roles) {
    await mkdir(join(folder, role), { recursive: true })
    await writeFile(join(folder, role, 'model.onnx'), networks[role])
  }
  const detector = await recordDetectorCanary(join(folder, 'detector', 'model.onnx'), {
    input: { ...pair.detector.input, name: 'image' },
    output: { ...pair.detector.output, heads },
  })
  const { embedding } = await recordEmbedderCanary(join(folder, 'embedder', 'model.onnx'), {
    input: { ...pair.embedder.input, name: 'image' },
    output: { ...pair.embedder.output, name: 'vector' },
  })
  const parity = (check: string) => [{ check, found: 0.01, limit: 0.5, ok: true }]
  conversions.detector = {
    input: inputs.detector,
    outputs: heads,
    opset: 17,
    canary: detector,
    parity: parity('boxes, px'),
  }
  conversions.embedder = { input: inputs.embedder, outputs: ['vector'], opset: 17, canary: { embedding }, parity: null }
  const change = async (role: 'detector' | 'embedder', part: object): Promise<void> => {
    conversions[role] = { ...conversions[role], ...part }
    await writeFile(join(folder, role, 'conversion.json'), JSON.stringify(conversions[role]))
  }
  for (const role of roles) await change(role, {})
  const python = join(folder, 'python')
  await writeFile(
    python,
    `#!${process.execPath}
const { copyFileSync, readFileSync } = require('node:fs')
const [script, role, fromFlag, from, toFlag, to] = process.argv.slice(2)
if (role !== 'check') {
  if (!script.endsWith('python/convert/convert.py') || fromFlag !== '--from' || toFlag !== '--to') process.exit(2)
  for (const file of ['inference.pdmodel', 'inference.pdiparams']) readFileSync(from + '/' + file)
  try {
    for (const file of ['model.onnx', 'conversion.json']) copyFileSync(${JSON.stringify(folder)} + '/' + role + '/' + file, to + '/' + file)
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}
`,
  )
  await chmod(python, 0o755)
  return { python, change }
}
