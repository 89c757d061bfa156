/** Measures the embedder on two lists of whole pictures. */
import { openEmbedderForm } from '@sightline/embedder/session.ts'
import { embedFile } from '@sightline/pipeline/enrol.ts'
import { readLabels } from '@sightline/pipeline/label-file.ts'
import type { Work } from '@sightline/pipeline/work.ts'
import { describeError, SightlineError } from '@sightline/shared/errors/errors.ts'
import { tellExecution } from '@sightline/shared/inference/execution-providers.ts'
import { readEmbedder } from '@sightline/shared/inference/models-folder.ts'
import { formText } from '@sightline/shared/inference/precision.ts'
import type { FormOptions } from '@sightline/shared/inference/workers.ts'
import pLimit from 'p-limit'
import type { Figures } from './figures.ts'
import { type LabelledVector, retrievalMetrics } from './retrieval.ts'

/** Pictures held decoded at one time. */
const picturesAtOnce = 16

export interface RetrievalEvaluation {
  /** Label files, and the folder that their paths start from. */
  readonly galleryList: string
  readonly queryList: string
  readonly root: string
  /** The models folder. */
  readonly models: string
  readonly workers: FormOptions
  readonly work: Work
}

/** A picture that can't be read is told and left out of the figures. */
export async function evaluateRetrieval(options: RetrievalEvaluation): Promise<Figures> {
  const { root, models, workers, work } = options
  const gallery = (await readLabels(options.galleryList, root)).pictures
  const queries = (await readLabels(options.queryList, root)).pictures
  const { form, session } = await openEmbedderForm(models, await readEmbedder(models), workers)
  await using _session = session
  work.tell(formText(form))
  tellExecution([session], work.tell)
  using progress = work.progress('embedding', gallery.length + queries.length)
  const limit = pLimit(picturesAtOnce)
  const embed = ({ file, label }: { file: string; label: string }): Promise<LabelledVector[]> =>
    limit(async () => {
      try {
        return [{ label, vector: await embedFile(file, session) }]
      } catch (error) {
        if (!(error instanceof SightlineError) || error.retryable) throw error
        work.tell(`${file}: ${error.code}: ${describeError(error)}; left out`)
        return []
      } finally {
        progress.advance()
      }
    })
  const known = (await Promise.all(gallery.map(embed))).flat()
  const asked = (await Promise.all(queries.map(embed))).flat()
  return { ...retrievalMetrics(asked, known) }
}
