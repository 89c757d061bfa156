/** `npm run bench -- rival --graphs DIR`: Sightline beside the reference, on the same networks, JPEGs, boxes and gallery size. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readDetector, readEmbedder } from '../../shared/inference/models-folder.ts'
import { alternate, type Round, shares, speedFigures, work } from '../alternate.ts'
import { usualEntries } from '../made-gallery.ts'
import { type Official, officialModels, rivalPython } from '../official.ts'
import { officialPair, type Pair } from '../pairs.ts'
import { amount, NotMeasured, type Options, type Part, type Row } from '../part.ts'
import { openPair, play } from '../play.ts'
import { mean } from '../statistics.ts'
import { openRival, type RivalOptions, type RivalWork, sideBySide } from './rival.ts'

export const rivalPart: Part = {
  name: 'rival',
  about: 'beside the reference (Paddle Inference) and ONNX Runtime in Python, on the same work; needs --graphs',
  isUsual: true,
  async measure(options) {
    const official = await officialModels(options)
    return [
      ...(await beside(official, await officialPair(official, options, 'fp32'), options)),
      ...(await beside(official, await officialPair(official, options, 'int8'), options)),
    ]
  },
}

type Engine = RivalOptions['engine']

const engineNames = { paddle: 'the reference', onnx: 'ONNX Runtime in Python' } as const

/** Paddle has no int8 form: there it goes on with its floats. ONNX Runtime runs the same file as Sightline. */
async function beside(official: Official, pair: Pair, options: Options): Promise<readonly Row[]> {
  options.tell(`rival: ${pair.name}`)
  await using scope = new AsyncDisposableStack()
  const pictures = await mkdtemp(join(tmpdir(), 'sightline-'))
  scope.defer(() => rm(pictures, { recursive: true, force: true }))
  for (const [index, jpeg] of pair.frames.entries()) {
    await writeFile(join(pictures, `${String(index).padStart(3, '0')}.jpg`), jpeg)
  }
  const missing: Row[] = []
  const boxes = new Map<string, number>()
  const contenders: Record<string, (count: number) => Promise<RivalWork>> = {}
  for (const engine of ['paddle', 'onnx'] as const) {
    const name = engineNames[engine]
    try {
      const open = async (threads: number) =>
        scope.use(
          await openRival({
            ...(await networksOf(engine, official, pair)),
            engine,
            pictures,
            gallery: usualEntries,
            threads,
          }),
        )
      const [one, other, both] = [await open(1), await open(1), await open(2)]
      contenders[`${name}, 1 thread`] = one.run
      contenders[`${name}, 2 threads`] = both.run
      contenders[`${name}, 2 processes`] = sideBySide([one, other])
    } catch (error) {
      if (!(error instanceof NotMeasured)) throw error
      missing.push({ name: `${pair.name}: ${name}`, figures: [], missing: error.message })
    }
  }
  const { pipeline, crops } = scope.use(await openPair(pair))
  const counted = Object.entries(contenders).map(([name, run]) => {
    const counting = async (count: number) => {
      const done = await run(count)
      boxes.set(name, done.boxes / done.items)
      return done
    }
    return [name, counting] as const
  })
  const found: Readonly<Record<string, readonly Round[]>> = await alternate(
    {
      ...Object.fromEntries(counted),
      Sightline: (count: number) => work(count, () => play(pipeline, pair.frames, count)),
    },
    { items: amount(options, options.items, 48, 8), rounds: amount(options, options.rounds, 5, 3), tell: options.tell },
  )
  const rivals = Object.keys(contenders)
  return [
    {
      name: `${pair.name}: Sightline`,
      figures: [...speedFigures(found['Sightline']!), { value: mean(crops), unit: 'boxes' }],
      ratios: rivals.flatMap((name) => {
        const ratios = shares(found['Sightline']!, found[name]!, name)
        // Two threads wait for each other by spinning: their processor time is that of whoever disturbs them.
        return name.endsWith('2 threads') ? ratios.filter(({ by }) => by === 'time') : ratios
      }),
    },
    ...rivals.map((name) => ({
      name: `${pair.name}: ${name}`,
      figures: [...speedFigures(found[name]!), { value: boxes.get(name)!, unit: 'boxes' }],
    })),
    ...missing,
  ]
}

async function networksOf(engine: Engine, { originals, python }: Official, { models }: Pair) {
  if (engine === 'paddle') return { python, ...originals }
  return {
    python: await rivalPython('onnx', 'onnxruntime, cv2, faiss'),
    detector: (await readDetector(models)).path,
    embedder: (await readEmbedder(models)).path,
  }
}
