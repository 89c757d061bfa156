/** Converts Paddle inference models to ONNX, and ONNX to int8, with python/convert/convert.py in a Python that has the pinned packages. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeError, SightlineError } from '@sightline/shared/errors/errors.ts'
import type { Environment } from '@sightline/shared/process/settings.ts'
import { z } from 'zod'
import type { Role } from './catalogue.ts'
import { lockFolder } from './folder-lock.ts'

const scripts = fileURLToPath(new URL('../python/convert/', import.meta.url))
const script = join(scripts, 'convert.py')

/** What a Python must have: to convert from Paddle 0.8 GB, to quantize a tenth of it. */
const requirementsOf = { paddle: 'requirements.txt', int8: 'requirements-int8.txt' } as const

/** The environment that is made where none is named. */
const cache = fileURLToPath(new URL('../.cache/', import.meta.url))
const ownEnvironment = join(cache, 'convert')

const tensorName = z.union([z.string(), z.object({ name: z.string() }).transform(({ name }) => name)])

const paritySchema = z.looseObject({
  check: z.string(),
  found: z.number(),
  limit: z.number(),
  ok: z.boolean(),
})

/** conversion.json, as convert.py writes it beside model.onnx. */
const conversionSchema = z.looseObject({
  input: z.object({ name: z.string(), width: z.int().positive(), height: z.int().positive() }),
  outputs: z.array(tensorName).min(1),
  opset: z.int(),
  /** What the network that was converted answers to the canary. */
  canary: z.union([z.object({ meanSigmoid: z.array(z.number()) }), z.object({ embedding: z.array(z.number()) })]),
  /** The converted network against Paddle's own run of the original; null where Paddle could not run it. */
  parity: z.array(paritySchema).nullable(),
})

export type Conversion = z.infer<typeof conversionSchema>

export interface Converter {
  /** Writes model.onnx and conversion.json into `to`; throws MODEL_CONVERSION. */
  convert(role: Role, from: string, to: string): Promise<Conversion>
  /** Writes the int8 form of the network `from` as the file `to`; throws MODEL_CONVERSION. */
  quantize(from: string, to: string, calibration: string, isHeavyOnly: boolean): Promise<void>
}

export interface ConverterOptions {
  /** What it is for. */
  readonly needs: keyof typeof requirementsOf
  /** A Python with the packages of python/convert/requirements.txt; an environment is made in .cache/convert where not given. */
  readonly python: string | undefined
  readonly env: Environment
  readonly stop: AbortSignal
  /** A line about what takes long. */
  readonly tell: (line: string) => void
}

/** Finds or makes the Python first: what can't be converted need not be downloaded. */
export async function openConverter({ needs, python, env, stop, tell }: ConverterOptions): Promise<Converter> {
  const file = requirementsOf[needs]
  const named = python ?? env['SIGHTLINE_CONVERT_PYTHON']
  const command = named || (await ownPython(file, stop, tell))
  const checked = await run(command, [script, 'check', file], stop)
  if (checked.code !== 0) {
    throw new SightlineError(
      'MODEL_CONVERSION',
      `${command} can't convert: ${checked.tail}. Install the packages there: ${command} -m pip install -r ${join(scripts, file)}`,
    )
  }
  return {
    async convert(role, from, to) {
      const { code, tail } = await run(command, [script, role, '--from', from, '--to', to], stop)
      if (stop.aborted) throw new SightlineError('MODEL_CONVERSION', `converting the ${role} was stopped`)
      if (code !== 0) throw new SightlineError('MODEL_CONVERSION', `converting the ${role}: ${tail}`)
      return await readConversion(role, to)
    },
    async quantize(from, to, calibration, isHeavyOnly) {
      const heavy = isHeavyOnly ? ['--heavy-only'] : []
      const args = [script, 'quantize', '--from', from, '--calibration', calibration, '--to', to, ...heavy]
      const { code, tail } = await run(command, args, stop)
      if (stop.aborted) throw new SightlineError('MODEL_CONVERSION', 'quantizing was stopped')
      if (code !== 0) throw new SightlineError('MODEL_CONVERSION', `quantizing ${from}: ${tail}`)
    },
  }
}

async function readConversion(role: Role, folder: string): Promise<Conversion> {
  try {
    await access(join(folder, 'model.onnx'))
    return conversionSchema.parse(JSON.parse(await readFile(join(folder, 'conversion.json'), 'utf8')))
  } catch (cause) {
    throw new SightlineError('MODEL_CONVERSION', `converting the ${role}: the converter left no result`, {
      cause,
    })
  }
}

async function ownPython(file: string, stop: AbortSignal, tell: (line: string) => void): Promise<string> {
  // Two that install into one environment would break it.
  await using _lock = await lockFolder(cache, { stop, onWait: () => tell(`waiting for another conversion's set-up`) })
  const python = join(ownEnvironment, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
  if ((await run(python, [script, 'check', file], stop)).code === 0) return python
  tell(`making a Python environment for the conversion in ${ownEnvironment}, once; its packages take some minutes`)
  const steps: readonly (readonly [string, readonly string[]])[] = [
    ['python3', ['-m', 'venv', ownEnvironment]],
    [python, ['-m', 'pip', 'install', '--disable-pip-version-check', '--quiet', '-r', join(scripts, file)]],
  ]
  for (const [command, args] of steps) {
    const { code, tail } = await run(command, args, stop)
    if (code === 0) continue
    throw new SightlineError(
      'MODEL_CONVERSION',
      `making a Python environment in ${ownEnvironment}: ${command} ${args.slice(0, 3).join(' ')}: ${tail}. Name a Python that has the packages of ${join(scripts, file)} with --python or SIGHTLINE_CONVERT_PYTHON`,
    )
  }
  return python
}

interface Ended {
  readonly code: number | null
  /** The last lines that it wrote. */
  readonly tail: string
}

const keptOutput = 4096

async function run(command: string, args: readonly string[], signal: AbortSignal): Promise<Ended> {
  // Its own output goes nowhere but into the error's text: what people read here are our lines.
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], signal })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-keptOutput)))
  }
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, tail: output.trim().split('\n').slice(-3).join(' / ') }
  } catch (error) {
    return { code: null, tail: describeError(error) }
  }
}
