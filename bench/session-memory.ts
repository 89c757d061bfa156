/** `node bench/session-memory.ts MODELS detector|embedder BATCH,BATCH…`: MiB that one worker's session adds to a process of its own. */
import process from 'node:process'
import { readDetector, readEmbedder } from '../shared/inference/models-folder.ts'
import { openBare } from './bare-networks.ts'

const [models = '', task, batches = ''] = process.argv.slice(2)
const model = await (task === 'detector' ? readDetector : readEmbedder)(models)
const before = process.memoryUsage.rss()
await using session = await openBare(model, { batches: batches.split(',').map(Number), workers: 1, threads: 1 })
await session.submit(2)
process.stdout.write(`${Math.round((process.memoryUsage.rss() - before) / 2 ** 20)}\n`)
