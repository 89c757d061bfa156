/** Opens a model's network once: its files, its contract and its canary are checked. */
import { openDetectorSession } from '@sightline/detector/session.ts'
import { openEmbedderSession } from '@sightline/embedder/session.ts'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { externalData } from '@sightline/shared/inference/external-data.ts'
import type { Model } from '@sightline/shared/inference/model-manifest.ts'
import type { WorkerOptions } from '@sightline/shared/inference/workers.ts'

const oneWorker: WorkerOptions = { workers: 1, threadsPerWorker: 1 }

/** Throws MODEL_CORRUPT, MODEL_CONTRACT or MODEL_CANARY with the reason. */
export async function tryModel(
  { manifest, path }: Model,
  execution: Pick<WorkerOptions, 'executionProviders' | 'executionFallback'> = {},
): Promise<void> {
  const listed = new Set(manifest.data?.map(({ file }) => file))
  const unlisted = (await externalData(path)).filter((name) => !listed.has(name))
  if (unlisted.length > 0) {
    throw new SightlineError(
      'MODEL_CONTRACT',
      `${path} has weights in a second file, ${unlisted.join(', ')}, that its manifest does not list under 'data': add it with 'sightline models add', which does`,
    )
  }
  const workers = { ...oneWorker, ...execution }
  await using _session =
    manifest.task === 'embedder'
      ? await openEmbedderSession({ manifest, path }, workers)
      : await openDetectorSession({ manifest, path }, { wholeFrame: 'never' }, workers)
}
