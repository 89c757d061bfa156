/** `npm run bench -- search`: the embedded gallery's search, beside a plain loop over the same vectors. */
import { galleryEmbedder } from '../shared/gallery/gallery.ts'
import { bundledModels, readEmbedderManifest } from '../shared/inference/models-folder.ts'
import { alternate, cpuMs, shares, work } from './alternate.ts'
import { makeGallery, randomVectors } from './made-gallery.ts'
import { amount, type Part, type Row } from './part.ts'

/** A frame with five boxes and itself, searched as the matcher does with five candidates. */
const boxes = 6
const nearest = 50

export const searchPart: Part = {
  name: 'search',
  about: 'six boxes in galleries of 1,000 to 100,000 pictures, beside a plain loop',
  isUsual: true,
  async measure(options) {
    const embedder = galleryEmbedder(await readEmbedderManifest(bundledModels))
    const queries = randomVectors(embedder, boxes, 'asked')
    const rows: Row[] = []
    for (const entries of options.quick ? [1_000, 10_000] : [1_000, 10_000, 100_000]) {
      options.tell(`search: ${entries} entries`)
      await using made = await makeGallery(bundledModels, entries)
      const plain = randomVectors(embedder, Math.min(entries, 10_000), 'plain')
      const times = Math.max(Math.round(100_000 / entries), 4)
      const repeat = (count: number, act: () => Promise<unknown>) =>
        work(count, async () => {
          for (let done = 0; done < count; done += 1) await act()
        })
      const found = await alternate(
        {
          search: (count) => repeat(count, () => made.gallery.search(queries, nearest)),
          loop: async (count) => repeat(count, async () => void loop(queries, plain, entries)),
        },
        {
          items: amount(options, options.items, times, times),
          rounds: amount(options, options.rounds, 5, 3),
          tell: options.tell,
        },
      )
      rows.push({
        name: `${boxes} boxes among ${entries.toLocaleString('en-US')}`,
        figures: [{ value: cpuMs(found.search), unit: 'ms CPU' }],
        ratios: shares(found.search, found.loop, 'a plain loop'),
      })
    }
    return rows
  },
}

/** The cosine of every query to `entries` vectors, the best of each. */
function loop(queries: readonly Float32Array[], vectors: readonly Float32Array[], entries: number): number[] {
  return queries.map((query) => {
    let best = -1
    for (let entry = 0; entry < entries; entry += 1) {
      const vector = vectors[entry % vectors.length]!
      let sum = 0
      for (let index = 0; index < query.length; index += 1) sum += query[index]! * vector[index]!
      if (sum > best) best = sum
    }
    return best
  })
}
