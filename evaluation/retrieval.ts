/** Retrieval metrics over embeddings: how often the right label is first, among the first five, and how well all are ranked. */

export interface LabelledVector {
  readonly label: string
  /** L2-normalized. */
  readonly vector: Float32Array
}

export interface RetrievalMetrics {
  readonly 'recall@1': number
  readonly 'recall@5': number
  readonly mAP: number
  readonly queries: number
  readonly gallery: number
}

/**
 * Ranks the whole gallery for every query by cosine similarity (ties in gallery order).
 *
 * recall@k: share of queries with their label among the k best pictures. mAP: mean over the queries of the average
 * precision, the mean of the precision at the rank of each right picture. A query whose label the gallery does not hold
 * counts as missed; PaddleClas leaves such queries out.
 */
export function retrievalMetrics(
  queries: readonly LabelledVector[],
  gallery: readonly LabelledVector[],
): RetrievalMetrics {
  let first = 0
  let amongFive = 0
  let precision = 0
  for (const query of queries) {
    const ranks = ranksOfRight(query, gallery)
    if (ranks.some((rank) => rank < 1)) first += 1
    if (ranks.some((rank) => rank < 5)) amongFive += 1
    precision += averagePrecision(ranks)
  }
  const share = (count: number): number => (queries.length === 0 ? 0 : count / queries.length)
  return {
    'recall@1': share(first),
    'recall@5': share(amongFive),
    mAP: share(precision),
    queries: queries.length,
    gallery: gallery.length,
  }
}

/** Ranks from 0, ascending, of the gallery pictures with the query's label. */
function ranksOfRight({ label, vector }: LabelledVector, gallery: readonly LabelledVector[]): number[] {
  const scores = gallery.map((entry) => dot(vector, entry.vector))
  const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b)
  return order.flatMap((index, rank) => (gallery[index]!.label === label ? [rank] : []))
}

function averagePrecision(ranks: readonly number[]): number {
  if (ranks.length === 0) return 0
  return ranks.reduce((sum, rank, found) => sum + (found + 1) / (rank + 1), 0) / ranks.length
}

/** Of unit vectors, their cosine. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let index = 0; index < a.length; index += 1) sum += a[index]! * b[index]!
  return sum
}
