/**
 * Publishes pictures as frames of a camera: the encoded bytes are the message, the camera is the key.
 *
 *   node publish.ts cam-1 shelf.jpg checkout.jpg
 */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'

const brokers = (process.env['KAFKA_BROKERS'] ?? 'localhost:9092').split(',')
const topic = process.env['FRAMES_TOPIC'] ?? 'frames'
const [camera, ...files] = process.argv.slice(2)
if (camera === undefined || files.length === 0) {
  process.stderr.write('Usage: node publish.ts CAMERA PICTURE…\n')
  process.exit(2)
}

const kafka = new Kafka({ clientId: 'example', brokers, logLevel: logLevel.ERROR })
// Idempotent: a send that is tried again is stored once.
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
await producer.connect()
for (const file of files) {
  const headers = {
    // All optional. A frame with a ce_id that is published twice within the dedupe window is recognized once.
    ce_id: `${Date.now()}-${basename(file)}`,
    ce_source: file,
    ce_time: new Date().toISOString(),
  }
  // Resolves when the broker has it: from then on it ends in exactly one event or dead letter.
  await producer.send({ topic, messages: [{ key: camera, value: await readFile(file), headers }] })
  process.stdout.write(`${camera}: ${file}\n`)
}
await producer.disconnect()
