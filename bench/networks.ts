/** `npm run bench -- networks`: a picture's processor time and a session's memory by batch, threads and workers. No pipeline. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Model } from '../shared/inference/model-manifest.ts'
import { readDetector, readEmbedder } from '../shared/inference/models-folder.ts'
import { alternate, type Contender, cpuMs, perSecond, work } from './alternate.ts'
import { openBare } from './bare-networks.ts'
import { allPairs } from './pairs.ts'
import { amount, type Options, type Part, type Row } from './part.ts'

/** Runs of these sizes one after the other: of each size alone, and mixed as a queue makes them. */
const batchings: Readonly<Record<string, readonly number[]>> = {
  'batch 1': [1],
  'batch 2': [2],
  'batch 4': [4],
  'batch 8': [8],
  'batches of 1 to 8': [8, 3, 1, 5, 2, 7, 4, 6],
}

const layouts = [
  { workers: 1, threads: 1 },
  { workers: 1, threads: 2 },
  { workers: 2, threads: 1 },
] as const

export const networksPart: Part = {
  name: 'networks',
  about: 'each network by itself: batch, threads, workers, precision; memory of a session',
  isUsual: false,
  async measure(options) {
    const { pairs, missing } = await allPairs(options)
    const rows: Row[] = []
    for (const { models } of pairs) {
      for (const read of [readDetector, readEmbedder])
        rows.push(...(await measured(await read(models), models, options)))
    }
    return [...rows, ...missing]
  },
}

async function measured(model: Model, models: string, options: Options): Promise<readonly Row[]> {
  const { name, task } = model.manifest
  const rows: Row[] = []
  const memory = new Map<string, string>()
  for (const [batching, batches] of Object.entries(batchings)) {
    const script = new URL('./session-memory.ts', import.meta.url).pathname
    const { stdout } = await promisify(execFile)(process.execPath, [script, models, task, batches.join(',')])
    memory.set(batching, stdout.trim())
  }
  for (const { workers, threads } of layouts) {
    options.tell(`networks: ${name}, ${workers} workers, ${threads} threads`)
    await using scope = new AsyncDisposableStack()
    const contenders: Record<string, Contender> = {}
    for (const [batching, batches] of Object.entries(batchings)) {
      const session = scope.use(await openBare(model, { batches, workers, threads }))
      const pictures = batches.reduce((sum, count) => sum + count, 0)
      contenders[batching] = (items) => {
        const times = Math.max(Math.ceil(items / pictures / workers), 1)
        return work(times * pictures * workers, () =>
          Promise.all(Array.from({ length: workers }, () => session.submit(times))),
        )
      }
    }
    const found = await alternate(contenders, {
      items: amount(options, options.items, 72, 36),
      rounds: amount(options, options.rounds, 5, 2),
      tell: options.tell,
    })
    for (const [batching, rounds] of Object.entries(found)) {
      rows.push({
        name: `${name}, ${workers} x ${threads} threads, ${batching}`,
        figures: [
          { value: cpuMs(rounds), unit: 'ms CPU a picture' },
          { value: perSecond(rounds), unit: 'pictures/s' },
          { value: Number(memory.get(batching)), unit: 'MiB a session' },
        ],
      })
    }
  }
  return rows
}
