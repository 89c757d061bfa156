/** Valid pictures of any size end in an event, however little memory there is; one that can't fit is refused by name. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FrameOrError, recognizeInOrder } from '@sightline/pipeline/answers.ts'
import { openPipeline } from '@sightline/pipeline/pipeline.ts'
import { pipelineSettings } from '@sightline/pipeline/settings.ts'
import { galleryEmbedder } from '@sightline/shared/gallery/gallery.ts'
import { openGallery } from '@sightline/shared/gallery/open-gallery.ts'
import { bundledModels, readEmbedderManifest } from '@sightline/shared/inference/models-folder.ts'
import { valuesFor } from '@sightline/shared/process/settings.ts'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { crowdedModels, grainy } from '../harness/crowd.ts'

const flat = (side: number): Promise<Buffer> =>
  sharp({ create: { width: side, height: side, channels: 3, background: '#3a6ea5' } })
    .jpeg()
    .toBuffer()

test('twelve frames that together are larger than the memory end in events, one that is larger alone in a dead letter', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
  const gallery = join(folder, 'gallery')
  await using _gallery = await openGallery(
    gallery,
    galleryEmbedder(await readEmbedderManifest(bundledModels)),
    'create',
  )
  // A frame of 4 megapixels takes 14 MiB while it is decoded, one of 36 takes 121.
  await using pipeline = await openPipeline(valuesFor(pipelineSettings, { gallery, pictureMemory: 32 }))
  const [large, tooLarge] = [await flat(2000), await flat(6000)]
  async function* frames(): AsyncGenerator<FrameOrError> {
    for (let number = 0; number < 12; number += 1) yield { camera: 'a', id: `large-${number}`, bytes: large }
    yield { camera: 'b', id: 'too-large', bytes: tooLarge }
  }
  const answers = await Array.fromAsync(recognizeInOrder(pipeline, frames(), new AbortController().signal))
  expect(answers.slice(0, 12).map(({ kind }) => kind)).toEqual(Array.from({ length: 12 }, () => 'event'))
  expect(answers[12]).toMatchObject({
    kind: 'deadLetter',
    code: 'IMAGE_TOO_LARGE',
    reason: expect.stringMatching(/121 MiB.*32 MiB/),
  })
})

test('300 boxes of a picture of twelve megapixels are all looked at', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
  const gallery = join(folder, 'gallery')
  await using _gallery = await openGallery(
    gallery,
    galleryEmbedder(await readEmbedderManifest(bundledModels)),
    'create',
  )
  const models = await crowdedModels(folder, 300, 0.15)
  await using pipeline = await openPipeline(valuesFor(pipelineSettings, { gallery, models, maxBoxes: 300 }))
  const { data, raw } = grainy(1000, 750)
  const bytes = await sharp(data, { raw }).resize(4000, 3000).jpeg().toBuffer()
  async function* frames(): AsyncGenerator<FrameOrError> {
    yield { camera: 'a', id: 'large', bytes }
  }
  const [answer] = await Array.fromAsync(recognizeInOrder(pipeline, frames(), new AbortController().signal))
  expect(answer).toMatchObject({ kind: 'event', event: { image: { width: 4000, height: 3000 } } })
  if (answer?.kind !== 'event') return
  expect(answer.event.objects).toHaveLength(300)
  expect(answer.event.truncated).toBeUndefined()
})
