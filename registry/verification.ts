/** What a converted model is tried on before it is registered, as rows of a small table. */
import { recordDetectorCanary } from '@sightline/detector/session.ts'
import { recordEmbedderCanary } from '@sightline/embedder/session.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import type { DetectorManifest, EmbedderManifest } from '@sightline/shared/inference/model-manifest.ts'
import type { CataloguePair } from './catalogue.ts'
import type { Conversion } from './converter.ts'
import type { NewManifest } from './register.ts'

export interface VerificationRow {
  readonly model: string
  readonly check: string
  readonly found: number
  readonly limit: number
  readonly ok: boolean
}

export interface VerifiedModel {
  readonly manifest: NewManifest
  readonly rows: readonly VerificationRow[]
}

/** Mean scores of a level that two right runtimes differ by, at most. */
const scoreLimit = 0.001

/** Cosine of the same embedding from two right runtimes, at least. */
const cosineLimit = 0.9999

/** A running embedder must keep to its recorded canary by this cosine, on other processors too. */
const minCosine = 0.999

type Provenance = Readonly<Record<string, unknown>>

/** Throws MODEL_CONTRACT where the graph is not the catalogue's network, MODEL_CANARY where it answers nonsense. */
export async function verifyDetector(
  entry: CataloguePair['detector'],
  onnx: string,
  conversion: Conversion,
  provenance: Provenance,
): Promise<VerifiedModel> {
  const { name, licence, defaults } = entry
  const input = inputOf(entry, conversion)
  const output = { ...entry.output, heads: conversion.outputs }
  if (!('meanSigmoid' in conversion.canary) || conversion.outputs.length !== entry.output.strides.length) {
    throw notThat(name, 'a PicoDet detector')
  }
  const recorded = conversion.canary.meanSigmoid
  const found = await recordDetectorCanary(onnx, { input, output })
  const means = 'meanSigmoid' in found ? found.meanSigmoid : []
  const difference = Math.max(...means.map((mean, level) => Math.abs(mean - (recorded[level] ?? Number.NaN))))
  const canary: DetectorManifest['canary'] = { meanSigmoid: recorded, tolerance: found.tolerance }
  const row = { check: "canary: mean scores off the converter's", found: difference, limit: scoreLimit }
  const manifest = { name, task: 'detector', licence, defaults, input, output, canary, provenance } as const
  return { manifest, rows: rowsOf(name, { ...row, ok: difference <= scoreLimit }, conversion) }
}

/** As `verifyDetector`. */
export async function verifyEmbedder(
  entry: CataloguePair['embedder'],
  onnx: string,
  conversion: Conversion,
  provenance: Provenance,
): Promise<VerifiedModel> {
  const { name, licence, defaults } = entry
  const input = inputOf(entry, conversion)
  const [tensor] = conversion.outputs
  if (!('embedding' in conversion.canary) || tensor === undefined || conversion.outputs.length !== 1) {
    throw notThat(name, 'an embedder')
  }
  const output = { ...entry.output, name: tensor }
  const { embedding } = await recordEmbedderCanary(onnx, { input, output })
  const cosine = cosineOf(embedding, conversion.canary.embedding)
  const canary: EmbedderManifest['canary'] = { embedding: conversion.canary.embedding, minCosine }
  const row = { check: "canary: cosine to the converter's", found: cosine, limit: cosineLimit }
  const manifest = { name, task: 'embedder', licence, defaults, input, output, canary, provenance } as const
  return { manifest, rows: rowsOf(name, { ...row, ok: cosine >= cosineLimit }, conversion) }
}

/** Throws MODEL_CANARY naming the rows that do not hold. */
export function assertVerified(rows: readonly VerificationRow[]): void {
  const failed = rows.filter(({ ok }) => !ok)
  if (failed.length === 0) return
  const what = failed.map(({ model, check, found, limit }) => `${model}: ${check}: ${found}, limit ${limit}`).join('; ')
  throw new SightlineError(
    'MODEL_CANARY',
    `the converted models do not compute what the originals do: ${what}. They were not registered; look at the versions in python/convert/requirements.txt`,
  )
}

/** The rows below each other in columns. */
export function verificationTable(rows: readonly VerificationRow[]): readonly string[] {
  const cells = rows.map(({ model, check, found, limit, ok }) => [
    model,
    check,
    String(Number(found.toPrecision(6))),
    String(limit),
    ok ? 'ok' : 'FAILED',
  ])
  const table = [['model', 'check', 'found', 'limit', ''], ...cells]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}

function rowsOf(model: string, canary: Omit<VerificationRow, 'model'>, { parity }: Conversion): VerificationRow[] {
  const compared = (parity ?? []).map(({ check, found, limit, ok }) => ({
    check: `Paddle: ${check}`,
    found,
    limit,
    ok,
  }))
  return [canary, ...compared].map((row) => ({ model, ...row }))
}

function inputOf({ name, input }: CataloguePair['detector' | 'embedder'], conversion: Conversion) {
  const { width, height } = conversion.input
  if (width !== input.width || height !== input.height) {
    throw new SightlineError(
      'MODEL_CONTRACT',
      `${name}: the archive's network takes ${width}x${height}, not ${input.width}x${input.height}: it is another model`,
    )
  }
  return { ...input, name: conversion.input.name }
}

const notThat = (name: string, what: string): SightlineError =>
  new SightlineError('MODEL_CONTRACT', `${name}: what was converted is not ${what}: is it the right archive?`)

function cosineOf(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Number.NaN
  let [product, lengthA, lengthB] = [0, 0, 0]
  for (const [index, value] of a.entries()) {
    product += value * b[index]!
    lengthA += value ** 2
    lengthB += b[index]! ** 2
  }
  return product / Math.sqrt(lengthA * lengthB)
}
