/** The gallery as the matcher sees it: whatever is there, of whichever embedder, also where it is made or rebuilt while frames come. */
import { otherwise, SightlineError } from '@sightline/shared/errors/errors.ts'
import type { Gallery, GalleryEmbedder, GalleryInfo, Hit } from '@sightline/shared/gallery/gallery.ts'
import { type GalleryRules, noRules } from '@sightline/shared/gallery/rules.ts'
import { tellUnknownLabels } from '@sightline/shared/gallery/unknown-labels.ts'

/** Of no gallery at all: nothing is known, and everything is unknown. */
export interface KnownInfo extends Omit<GalleryInfo, 'embedder'> {
  readonly embedder: GalleryEmbedder | null
}

export interface KnownItems extends AsyncDisposable {
  info(): Promise<KnownInfo>
  search(queries: readonly Float32Array[], k: number): Promise<readonly (readonly Hit[])[]>
  /** What was decided about recognitions; read again only where the revision is another one. */
  rules(revision: number): Promise<GalleryRules>
  /** One sentence for each label that no entry has; nothing where there is no gallery to ask. */
  unknownLabels(wanted: Iterable<string>): Promise<readonly string[]>
}

export interface KnownItemsPorts {
  /** Whose vectors are in the gallery; undefined where there is none. */
  readonly embedder: () => Promise<GalleryEmbedder | undefined>
  readonly open: (embedder: GalleryEmbedder) => Promise<Gallery>
  /** ms since any fixed time. */
  readonly now: () => number
}

const nothing: KnownInfo = { revision: 0, entries: 0, items: 0, embedder: null }

/** Where there is no gallery it is looked for again after this time. */
const lookAgainMs = 1_000

/** Opens what is there; throws what reading it throws. */
export async function openKnownItems(ports: KnownItemsPorts): Promise<KnownItems> {
  let gallery: Gallery | undefined
  let lookedAt = ports.now()
  let known: { readonly revision: number; readonly rules: GalleryRules } | undefined

  const look = async (): Promise<void> => {
    lookedAt = ports.now()
    known = undefined
    const embedder = await ports.embedder()
    // Removed or rebuilt in between, it is opened with the next look.
    gallery = embedder && (await ports.open(embedder).catch(otherwise(['GALLERY_MISSING', 'GALLERY_EMBEDDER'])))
  }

  /** Asks the gallery that is there; one that was rebuilt for another embedder, or is gone, is opened anew. */
  const ask = async <Answer>(question: (gallery: Gallery) => Promise<Answer>): Promise<Answer | undefined> => {
    if (gallery === undefined && ports.now() - lookedAt >= lookAgainMs) await look()
    try {
      return gallery && (await question(gallery))
    } catch (error) {
      const isAnother = error instanceof SightlineError && ['GALLERY_MISSING', 'GALLERY_EMBEDDER'].includes(error.code)
      if (!isAnother) throw error
      await gallery?.[Symbol.asyncDispose]()
      await look()
      return gallery && (await question(gallery))
    }
  }

  await look()
  return {
    info: async () => (await ask((one) => one.info())) ?? nothing,
    search: async (queries, k) => (await ask((one) => one.search(queries, k))) ?? queries.map(() => []),
    rules: async (revision) => {
      if (known?.revision !== revision) known = { revision, rules: (await ask((one) => one.rules())) ?? noRules }
      return known.rules
    },
    unknownLabels: async (wanted) => (await ask((one) => tellUnknownLabels(one, wanted))) ?? [],
    [Symbol.asyncDispose]: async () => gallery?.[Symbol.asyncDispose](),
  }
}
