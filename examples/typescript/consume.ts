/**
 * Prints what was seen, one line an event, until it is stopped. A new group starts with the oldest event that is kept.
 *
 *   node consume.ts my-group
 */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import kafkajs, { Kafka, logLevel } from 'kafkajs'

const brokers = (process.env['KAFKA_BROKERS'] ?? 'localhost:9092').split(',')
const topic = process.env['RECOGNITIONS_TOPIC'] ?? 'recognitions'
const groupId = process.argv[2] ?? 'example'

// Events are compressed with zstd, which kafkajs leaves to its user.
const { CompressionCodecs, CompressionTypes } = kafkajs
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) => zstdCompressSync(buffer),
  decompress: async (buffer: Buffer) => zstdDecompressSync(buffer),
})

/** What this program uses of docs/recognition-event.schema.json. */
interface RecognitionEvent {
  readonly camera: string
  readonly capturedAt: string
  readonly objects: readonly { readonly label: string | null; readonly score: number }[]
  readonly skipped: string | null
}

/**
 * kafkajs 2.2.4 also hands out messages of transactions that were rolled back, where several overlap; so after a failure
 * an event can come again. Its id is the same, and the copies lie close to each other in one partition.
 */
const remembered = 10_000
const seen = new Set<string>()
function isNew(id: string): boolean {
  if (seen.has(id)) return false
  seen.add(id)
  if (seen.size > remembered) seen.delete(seen.values().next().value!)
  return true
}

// The low waits make joining and leaving a group quick.
const kafka = new Kafka({ clientId: 'example', brokers, logLevel: logLevel.ERROR })
const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 250, readUncommitted: false })
await consumer.connect()
await consumer.subscribe({ topic, fromBeginning: true })
await consumer.run({
  eachMessage: async ({ message: { headers, value } }) => {
    if (value === null || !isNew(String(headers?.['ce_id']))) return
    const { camera, capturedAt, objects, skipped } = JSON.parse(value.toString()) as RecognitionEvent
    const what = objects.map(({ label, score }) => `${label ?? 'unknown'} ${score.toFixed(2)}`).join(', ')
    process.stdout.write(`${capturedAt} ${camera}: ${skipped ?? (what || 'nothing')}\n`)
  },
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void consumer.disconnect().then(() => process.exit(0)))
}
