/** Labelled pictures as cameras take them, each asked of a gallery: what of its own item and of any other is most like it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EmbedInput, EmbedOutput } from '@sightline/embedder/embed-task.ts'
import { enrol, type UnreadablePicture } from '@sightline/pipeline/enrol.ts'
import type { LabelledPicture } from '@sightline/pipeline/lists/list-collector.ts'
import type { Gallery, GalleryEntry } from '@sightline/shared/gallery/gallery.ts'
import { openGallery } from '@sightline/shared/gallery/open-gallery.ts'
import type { Session } from '@sightline/shared/inference/session.ts'
import type { Neighbour } from '@sightline/views/report/check-data.ts'
import { type LeftOut, usualHits, wholeEntries } from './leave-one-out.ts'

/** By so many times more hits are asked for, where those that came are all of the own item. */
const moreHits = 16

export interface Asked {
  readonly answers: readonly LeftOut[]
  readonly unreadable: readonly UnreadablePicture[]
}

/** They are enrolled like others, in a gallery for the moment, so that lists, boxes and unreadable pictures are treated the same. */
export async function askPictures(
  gallery: Gallery,
  options: {
    readonly pictures: readonly LabelledPicture[]
    readonly session: Session<EmbedInput, EmbedOutput>
    readonly onPicture: () => void
    readonly stop: AbortSignal
  },
): Promise<Asked> {
  const { entries, embedder } = await gallery.info()
  await using scope = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
  scope.defer(() => rm(folder, { recursive: true, force: true }))
  const asked = scope.use(await openGallery(join(folder, 'gallery'), embedder, 'create'))
  const { unreadable } = await enrol(asked, options, [gallery])
  const answers: LeftOut[] = []
  for await (const query of wholeEntries(asked)) {
    const { id, item, label, vector, metadata } = query
    const [hits = []] = await gallery.search([vector], usualHits)
    const own = hits.find((hit) => hit.item === item) ?? (await bestOwn(gallery, query.item, vector, entries))
    const other = await bestOther(gallery, query, hits, entries)
    answers.push({ picture: { id, item, label, metadata }, vector, own, other, nearest: hits })
  }
  return { answers, unreadable }
}

/** Null for what is not enrolled, without looking at all that is. */
async function bestOwn(gallery: Gallery, item: string, vector: Float32Array, entries: number) {
  for await (const _picture of gallery.list({ items: [item] })) {
    const [hits = []] = await gallery.search([vector], entries)
    return hits.find((hit) => hit.item === item) ?? null
  }
  return null
}

/** An item of many pictures crowds the others out: so many are asked for that there is another one among them. */
async function bestOther(
  gallery: Gallery,
  { item, vector }: Pick<GalleryEntry, 'item' | 'vector'>,
  found: readonly Neighbour[],
  most: number,
): Promise<Neighbour | null> {
  let other = found.find((hit) => hit.item !== item)
  for (let k = usualHits * moreHits; other === undefined; k *= moreHits) {
    const [hits = []] = await gallery.search([vector], Math.min(k, most))
    other = hits.find((hit) => hit.item !== item)
    if (k >= most) break
  }
  return other ?? null
}
