/** Measures the whole pipeline on pictures whose objects are boxed and named. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SightlineError } from '@sightline/shared/service/errors.ts'
import { z } from 'zod'
import type { Terminal, Values } from '../command.ts'
import { openPipeline } from '../pipeline.ts'
import { galleryOf, modelsOf, recognitionOf, tellExecution, workersFor } from '../recognition-flags.ts'
import { type FrameOrError, recognizeInOrder } from '../recognize-frames.ts'
import { openProgress } from '../terminal/progress.ts'
import { iou } from './detection.ts'
import { boxSchema, readJsonLines } from './json-lines.ts'

const sceneSchema = z.object({
  image: z.string(),
  complete: z.boolean().default(true),
  objects: z.array(z.object({ label: z.string(), box: boxSchema })),
})

/**
 * `found`: share of the named objects with a reported box of IoU 0.5 or more; `named`: share with such a box of the
 * right label. `wrongNames`: boxes in complete scenes whose name no object they overlap has; `complete…`: the same
 * shares over the complete scenes only.
 */
export async function evaluateScenes(
  list: string,
  root: string,
  values: Values,
  terminal: Terminal,
): Promise<Readonly<Record<string, number>>> {
  const scenes = await readJsonLines(list, sceneSchema)
  const models = await modelsOf(values)
  await using gallery = await galleryOf(values, models.embedder, terminal)
  await using pipeline = await openPipeline({ ...recognitionOf(values), models, gallery, workers: workersFor(values) })
  tellExecution(pipeline.networks, terminal)
  using progress = openProgress(terminal, 'recognizing', scenes.length)
  const all = { objects: 0, found: 0, named: 0 }
  const complete = { objects: 0, found: 0, named: 0, wrongNames: 0 }
  let index = 0
  for await (const answer of recognizeInOrder(pipeline, framesOf(scenes, root), terminal.stop)) {
    const scene = scenes[index++]!
    progress.advance()
    if (answer.kind !== 'event') throw new SightlineError('IMAGE_UNREADABLE', `${scene.image}: ${answer.reason}`)
    const { image, objects } = answer.event
    const reported = objects.map(({ box, label }) => ({ box, label }))
    const truth = scene.objects.map(({ label, box: [x1, y1, x2, y2] }) => ({
      label,
      box: [x1 * image!.width, y1 * image!.height, x2 * image!.width, y2 * image!.height] as const,
    }))
    for (const { label, box } of truth) {
      const here = reported.filter((one) => iou(one.box, box) >= 0.5)
      for (const counts of scene.complete ? [all, complete] : [all]) {
        counts.objects += 1
        if (here.length > 0) counts.found += 1
        if (here.some((one) => one.label === label)) counts.named += 1
      }
    }
    if (scene.complete) {
      complete.wrongNames += reported.filter(
        (one) => one.label !== null && !truth.some(({ label, box }) => label === one.label && iou(one.box, box) > 0.1),
      ).length
    }
  }
  const share = (count: number, of: number): number => (of === 0 ? 0 : count / of)
  return {
    scenes: scenes.length,
    objects: all.objects,
    found: share(all.found, all.objects),
    named: share(all.named, all.objects),
    completeObjects: complete.objects,
    completeFound: share(complete.found, complete.objects),
    completeNamed: share(complete.named, complete.objects),
    wrongNames: complete.wrongNames,
  }
}

async function* framesOf(scenes: readonly { readonly image: string }[], root: string): AsyncGenerator<FrameOrError> {
  for (const [index, { image }] of scenes.entries()) {
    const bytes = await readFile(join(root, image)).catch((cause: unknown) => {
      throw new SightlineError('FILE_UNREADABLE', `${join(root, image)} can't be read`, { cause })
    })
    yield { id: String(index), camera: 'scenes', source: image, bytes }
  }
}
