/** Enrols pictures into a gallery: decode, embed whole, put in batches; an unreadable picture is skipped and told. */
import type { EmbedInput, EmbedOutput } from '@sightline/embedder/embed-task.ts'
import { describeError, SightlineError } from '@sightline/shared/errors/errors.ts'
import type { Gallery, GalleryEntry } from '@sightline/shared/gallery/gallery.ts'
import type { Session } from '@sightline/shared/inference/session.ts'
import type { LabelledPicture } from './label-file.ts'
import { readPicture } from './pictures.ts'

export interface UnreadablePicture {
  readonly path: string
  readonly code: string
  readonly message: string
}

/** Pictures decoded and embedded at one time, and put in one write. */
const batchSize = 32

/** The vector of a whole picture; throws a SightlineError that tells why there is none. */
export async function embedFile(file: string, session: Session<EmbedInput, EmbedOutput>): Promise<Float32Array> {
  const pixels = await readPicture(file)
  return session.submit({ pixels }, [pixels.data.buffer])
}

/** Calls `onPicture` for each picture that was read or refused, and returns the refused ones. */
export async function enrol(
  pictures: readonly LabelledPicture[],
  gallery: Gallery,
  session: Session<EmbedInput, EmbedOutput>,
  onPicture: () => void,
  stop: AbortSignal,
): Promise<readonly UnreadablePicture[]> {
  const unreadable: UnreadablePicture[] = []
  for (let start = 0; start < pictures.length && !stop.aborted; start += batchSize) {
    const entries = await Promise.all(
      pictures.slice(start, start + batchSize).map(async (picture): Promise<GalleryEntry | null> => {
        try {
          const vector = await embedFile(picture.file, session)
          return { id: picture.path, item: picture.item, label: picture.label, vector, metadata: {} }
        } catch (error) {
          if (!(error instanceof SightlineError) || error.retryable) throw error
          unreadable.push({ path: picture.path, code: error.code, message: describeError(error) })
          return null
        } finally {
          onPicture()
        }
      }),
    )
    await gallery.put(entries.filter((entry) => entry !== null))
  }
  return unreadable
}
