/** The pairs of networks that are measured, each with what it is played: those that ship, and those of PP-ShiTuV2's size. */
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PipelineSettings } from '../pipeline/settings.ts'
import { bundledModels } from '../shared/inference/models-folder.ts'
import { sampleFrames, sceneJpegs } from './frames.ts'
import { cacheFolder, type Official, officialModels } from './official.ts'
import { NotMeasured, type Options, type Row } from './part.ts'

export interface Pair {
  readonly name: string
  /** A models folder that has the pair in use. */
  readonly models: string
  readonly frames: readonly Uint8Array[]
  readonly settings: Partial<PipelineSettings>
}

/** The folder says which form runs, not the machine. */
const asTheyAre = { precision: 'float' } as const

/** Of the shipped pair: 1280 x 960, one object a frame, everything as it comes. */
export const shippedPair = async ({ pictures }: Options, precision: 'fp32' | 'int8'): Promise<Pair> => {
  const suffix = precision === 'int8' ? '-int8' : ''
  return {
    name: `shipped pair, ${precision}`,
    models: await pairFolder(bundledModels, `mainbody-lite${suffix}`, `general-lite${suffix}`),
    frames: await sampleFrames(pictures),
    settings: asTheyAre,
  }
}

/** As the reference looks at frames: the five best boxes and the whole frame, of 1280 x 720. */
const officialSettings = { ...asTheyAre, maxBoxes: 5, wholeFrame: 'always' } as const

/** Of networks of the official size with made-up weights. */
export async function officialPair(
  official: Official,
  { pictures }: Options,
  precision: 'fp32' | 'int8',
): Promise<Pair> {
  const suffix = precision === 'int8' ? '-int8' : ''
  return {
    name: `official size, ${precision}`,
    models: await pairFolder(official.models, `pp-shituv2-mainbody${suffix}`, `pp-shituv2-general${suffix}`),
    frames: pictures === undefined ? await sceneJpegs(1280, 720) : await sampleFrames(pictures),
    settings: officialSettings,
  }
}

/** All that this machine can measure, with a row that says what it can't and why. */
export async function allPairs(
  options: Options,
): Promise<{ readonly pairs: readonly Pair[]; readonly missing: readonly Row[] }> {
  const shipped = [await shippedPair(options, 'fp32'), await shippedPair(options, 'int8')]
  try {
    const official = await officialModels(options)
    const pairs = [
      ...shipped,
      await officialPair(official, options, 'fp32'),
      await officialPair(official, options, 'int8'),
    ]
    return { pairs, missing: [] }
  } catch (error) {
    if (!(error instanceof NotMeasured)) throw error
    return { pairs: shipped, missing: [{ name: 'official size', figures: [], missing: error.message }] }
  }
}

/** A models folder of links that has these two in use. */
async function pairFolder(models: string, detector: string, embedder: string): Promise<string> {
  const folder = join(cacheFolder, 'pairs', `${detector}+${embedder}`)
  await mkdir(folder, { recursive: true })
  for (const name of [detector, embedder]) {
    await rm(join(folder, name), { force: true })
    await symlink(join(models, name), join(folder, name))
  }
  await writeFile(join(folder, 'index.json'), JSON.stringify({ detector, embedder }))
  return folder
}
