/** Measures the whole pipeline on pictures whose objects are boxed and named. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type FrameOrError, recognizeInOrder } from '@sightline/pipeline/answers.ts'
import { openPipeline } from '@sightline/pipeline/pipeline.ts'
import type { PipelineSettings } from '@sightline/pipeline/settings.ts'
import type { Work } from '@sightline/pipeline/work.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { cornersOf, iou } from '@sightline/shared/geometry/boxes.ts'
import { tellExecution } from '@sightline/shared/inference/execution-providers.ts'
import { z } from 'zod'
import type { Figures } from './figures.ts'
import { boxSchema, readJsonLines, scaledTo } from './json-lines.ts'
import { MissedBySize } from './sizes.ts'

const sceneSchema = z.object({
  image: z.string(),
  complete: z.boolean().default(true),
  objects: z.array(z.object({ label: z.string(), box: boxSchema })),
})

export interface ScenesEvaluation {
  /** File of JSON lines, and the folder that their paths start from. */
  readonly list: string
  readonly root: string
  readonly settings: PipelineSettings
  readonly work: Work
}

/**
 * `found`: share of the named objects with a reported box of IoU 0.5 or more; `named`: share with such a box of the
 * right label. `wrongNames`: boxes in complete scenes whose name no object they overlap has; `complete…`: the same
 * shares over the complete scenes only. `dense`: scenes that were looked at closely; `missed of …`: objects that were not
 * found, by size.
 */
export async function evaluateScenes({ list, root, settings, work }: ScenesEvaluation): Promise<Figures> {
  const scenes = await readJsonLines(list, sceneSchema)
  await using pipeline = await openPipeline(settings)
  tellExecution(pipeline.networks, work.tell)
  using progress = work.progress('recognizing', scenes.length)
  const all = { objects: 0, found: 0, named: 0 }
  const complete = { objects: 0, found: 0, named: 0, wrongNames: 0 }
  const missed = new MissedBySize()
  let dense = 0
  let index = 0
  for await (const answer of recognizeInOrder(pipeline, framesOf(scenes, root), work.stop)) {
    const scene = scenes[index++]!
    progress.advance()
    if (answer.kind !== 'event') throw new SightlineError('IMAGE_UNREADABLE', `${scene.image}: ${answer.reason}`)
    const { image, objects, scene: look } = answer.event
    if (look?.mode === 'dense') dense += 1
    const reported = objects.map(({ box, label }) => ({ box: cornersOf(box), label }))
    const truth = scene.objects.map(({ label, box }) => ({ label, box: scaledTo(box, image!) }))
    for (const { label, box } of truth) {
      const here = reported.filter((one) => iou(one.box, box) >= 0.5)
      missed.count(box, image!, here.length > 0)
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
    dense,
    ...missed.figures(),
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
