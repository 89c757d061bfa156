/** Which partition a key belongs to: Kafka's default (murmur2), so that every driver and every other Kafka client puts a camera in the same one. */

import { textToBytes } from './byte-text.ts'

const seed = 0x9747b28c
const multiplier = 0x5bd1e995

/** 32-bit murmur2 as Apache Kafka's Java clients compute it (org.apache.kafka.common.utils.Utils.murmur2); a signed integer. */
export function murmur2(bytes: Uint8Array): number {
  const whole = bytes.length & ~3
  let hash = seed ^ bytes.length
  for (let at = 0; at < whole; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    const mixed = Math.imul(word, multiplier)
    hash = Math.imul(hash, multiplier) ^ Math.imul(mixed ^ (mixed >>> 24), multiplier)
  }
  const rest = bytes.length - whole
  if (rest === 3) hash ^= bytes[whole + 2]! << 16
  if (rest >= 2) hash ^= bytes[whole + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[whole]!, multiplier)
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return hash ^ (hash >>> 15)
}

/**
 * Answers with the partition of a message: by its key, or the next in turn where the key is empty.
 * Each topic has its own turn.
 */
export function partitioner(): (topic: string, key: string, partitions: number) => number {
  const turns = new Map<string, number>()
  return (topic, key, partitions) => {
    if (key !== '') return (murmur2(textToBytes(key)) & 0x7fffffff) % partitions
    const turn = turns.get(topic) ?? 0
    turns.set(topic, turn + 1)
    return turn % partitions
  }
}
