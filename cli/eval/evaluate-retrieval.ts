/** Measures the embedder on two lists of whole pictures. */
import { openEmbedderSession } from '@sightline/embedder/session.ts'
import { SightlineError } from '@sightline/shared/service/errors.ts'
import pLimit from 'p-limit'
import type { Terminal, Values } from '../command.ts'
import { embedFile } from '../enrol.ts'
import { readLabels } from '../label-file.ts'
import { embedderOf, tellExecution, workersFor } from '../recognition-flags.ts'
import { openProgress } from '../terminal/progress.ts'
import { type LabelledVector, retrievalMetrics } from './retrieval.ts'

/** Pictures held decoded at one time. */
const picturesAtOnce = 16

/** A picture that can't be read is told on stderr and left out of the figures. */
export async function evaluateRetrieval(
  galleryList: string,
  queryList: string,
  root: string,
  values: Values,
  terminal: Terminal,
): Promise<Readonly<Record<string, number>>> {
  const gallery = (await readLabels(galleryList, root)).pictures
  const queries = (await readLabels(queryList, root)).pictures
  const embedder = await embedderOf(values)
  await using session = await openEmbedderSession(embedder, workersFor(values))
  tellExecution([session], terminal)
  using progress = openProgress(terminal, 'embedding', gallery.length + queries.length)
  const limit = pLimit(picturesAtOnce)
  const embed = ({ file, label }: { file: string; label: string }): Promise<LabelledVector[]> =>
    limit(async () => {
      try {
        return [{ label, vector: await embedFile(file, session) }]
      } catch (error) {
        if (!(error instanceof SightlineError) || error.retryable) throw error
        terminal.err(`${file}: ${error.code}: ${error.message}; left out`)
        return []
      } finally {
        progress.advance()
      }
    })
  const known = (await Promise.all(gallery.map(embed))).flat()
  const asked = (await Promise.all(queries.map(embed))).flat()
  return { ...retrievalMetrics(asked, known) }
}
