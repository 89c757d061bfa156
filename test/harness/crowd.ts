/** A models folder whose detector always answers a crowd of boxes, with the embedder that ships. */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundledModels, readEmbedderManifest } from '../../shared/inference/models-folder.ts'
import { runCli } from './cli.ts'
import { fixedAnswers, smallInput } from './networks.ts'
import { noise } from './noise.ts'

/**
 * Makes the folder in `folder`, and returns its path. The boxes stand in rows, each as wide and high as `size`, a share of the
 * frame; their scores fall from 0.9 to 0.5.
 */
export async function crowdedModels(folder: string, count: number, size: number): Promise<string> {
  const models = join(folder, 'models')
  await mkdir(models)
  const columns = Math.ceil(Math.sqrt(count))
  const boxes = Array.from({ length: count }, (_, index) => {
    const x = ((index % columns) / columns) * (1 - size)
    const y = (Math.floor(index / columns) / columns) * (1 - size)
    return [x, y, x + size, y + size, 0.9 - (0.4 * index) / count, 0]
  })
  const detector = {
    name: 'crowd',
    input: smallInput,
    output: { kind: 'boxes', boxes: 'boxes', units: 'fraction' },
    defaults: { scoreThreshold: 0.4 },
  }
  await writeFile(join(folder, 'crowd.json'), JSON.stringify({ detector }))
  await writeFile(join(folder, 'crowd.onnx'), fixedAnswers([{ name: 'boxes', dims: [count, 6], values: boxes.flat() }]))
  const files = ['--manifest', join(folder, 'crowd.json'), '--detector', join(folder, 'crowd.onnx')]
  const added = await runCli('models', 'add', '--models', models, ...files)
  if (added.code !== 0) throw new Error(added.err)
  const { name } = await readEmbedderManifest(bundledModels)
  await symlink(join(bundledModels, name), join(models, name))
  await writeFile(join(models, 'index.json'), JSON.stringify({ detector: 'crowd', embedder: name }))
  return models
}

/** The detector of such a folder in a folder without any embedder. */
export async function detectorAlone(models: string): Promise<string> {
  const alone = `${models}-of-the-detector`
  await mkdir(alone)
  await symlink(join(models, 'crowd'), join(alone, 'crowd'))
  await writeFile(join(alone, 'index.json'), JSON.stringify({ detector: 'crowd', embedder: 'elsewhere' }))
  return alone
}

/** RGB that no codec can make small: coarse enough to look like print, fine enough to be all detail. */
export const grainy = (width: number, height: number) => ({
  data: noise(width * height * 3, 7),
  raw: { width, height, channels: 3 as const },
})
