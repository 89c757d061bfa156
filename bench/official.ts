/**
 * Networks of the official size: PP-ShiTuV2's two published programs with seeded weights, converted as `sightline models pull`
 * converts the published ones, in both precisions. Made once in .cache/bench; nothing of it belongs to the repository.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { galleryPictures } from '../demo/gallery-pictures.ts'
import { makeStock } from '../demo/shooting.ts'
import { inferenceFolder, unpack } from '../registry/archive.ts'
import { cataloguePair, type Role, roles } from '../registry/catalogue.ts'
import { runCli } from '../test/harness/cli.ts'
import { convertScript } from '../test/harness/paddle.ts'
import { pythonEnvironment } from '../test/harness/python-environment.ts'
import { sceneJpegs } from './frames.ts'
import { NotMeasured, type Options } from './part.ts'

export const cacheFolder: string = fileURLToPath(new URL('../.cache/bench/', import.meta.url))

export interface Official {
  /** Has both networks in both precisions, the int8 ones as NAME-int8. */
  readonly models: string
  /** The folders that Paddle runs. */
  readonly originals: Readonly<Record<Role, string>>
  /** A Python with Paddle, OpenCV and faiss. */
  readonly python: string
}

const pair = cataloguePair('pp-shituv2')

/** So that as few cells see anything as of a trained detector, and yet five or more in every picture. */
const weights = ['--seed', '0', '--class-bias', '-7.4']

/** Throws NotMeasured with the reason where they can't be made. */
export async function officialModels({ graphs, tell }: Options): Promise<Official> {
  if (graphs === undefined) {
    throw new NotMeasured("--graphs, or SIGHTLINE_PADDLE_GRAPHS, names the folder of PP-ShiTuV2's published programs")
  }
  const python = await rivalPython('paddle', 'paddle2onnx, faiss, cv2')
  const folder = join(cacheFolder, `official${weights.join('')}`)
  if (!existsSync(folder)) {
    tell('making networks of the official size, once')
    const partial = `${folder}.${process.pid}.tmp`
    await rm(partial, { recursive: true, force: true })
    try {
      await make(partial, python, graphs)
      await rename(partial, folder)
    } catch (error) {
      throw new NotMeasured(`networks of the official size can't be made of ${graphs}: ${String(error).split('\n')[0]}`)
    } finally {
      await rm(partial, { recursive: true, force: true })
    }
  }
  const original = (role: Role) => inferenceFolder(join(folder, role), folder)
  return {
    models: join(folder, 'models'),
    originals: { detector: await original('detector'), embedder: await original('embedder') },
    python,
  }
}

/** The interpreter of an environment with bench/rival/requirements-NAME.txt; throws NotMeasured where it can't be made. */
export async function rivalPython(name: string, modules: string): Promise<string> {
  const requirements = fileURLToPath(new URL(`./rival/requirements-${name}.txt`, import.meta.url))
  return await pythonEnvironment(`rival-${name}`, requirements, modules).catch((error: unknown) => {
    throw new NotMeasured(`no Python with bench/rival/requirements-${name}.txt: ${String(error).split('\n')[0]}`)
  })
}

async function make(folder: string, python: string, graphs: string): Promise<void> {
  const models = join(folder, 'models')
  const files: string[] = []
  for (const role of roles) {
    const archive = join(folder, pair[role].archive)
    await mkdir(folder, { recursive: true })
    const args = [convertScript, 'make-archive', role, '--graphs', graphs, ...weights, '--to', archive]
    await promisify(execFile)(python, args)
    await unpack(archive, join(folder, role))
    files.push('--file', archive)
  }
  await sightline('models', 'pull', 'pp-shituv2', '--to', models, ...files, '--python', python, '--use')
  const { labels, scenes } = await calibrationPictures(folder)
  const quantize = ['--models', models, '--python', python, '--most-lost', '1']
  await sightline('models', 'quantize', pair.detector.name, '--pictures', scenes, ...quantize)
  await sightline('models', 'quantize', pair.embedder.name, '--labels', labels, '--root', folder, ...quantize)
}

async function sightline(...args: readonly string[]): Promise<void> {
  const { code, err } = await runCli(...args)
  if (code !== 0) throw new Error(err.trim().split('\n').at(-1))
}

/** The demo's: random weights don't care, but the ranges between the layers are those of pictures. */
async function calibrationPictures(folder: string): Promise<{ readonly labels: string; readonly scenes: string }> {
  const scenes = join(folder, 'scenes')
  await mkdir(scenes)
  for (const [index, jpeg] of (await sceneJpegs(1280, 720)).entries())
    await writeFile(join(scenes, `${index}.jpg`), jpeg)
  const lines: string[] = []
  for await (const { name, label, jpeg } of galleryPictures(await makeStock(), 'bench', 2)) {
    await writeFile(join(folder, name), jpeg)
    lines.push(`${name}\t${label}\n`)
  }
  const labels = join(folder, 'labels.txt')
  await writeFile(labels, lines.join(''))
  return { labels, scenes }
}
