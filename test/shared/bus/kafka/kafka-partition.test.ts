import { setTimeout as sleep } from 'node:timers/promises'
import type { Delivery } from '@sightline/shared/bus/bus.ts'
import type { Committer } from '@sightline/shared/bus/kafka/kafka-committer.ts'
import { KafkaPartition, type SharedBuffer } from '@sightline/shared/bus/kafka/kafka-partition.ts'
import { defaultRedelivery } from '@sightline/shared/bus/redelivery.ts'
import { silentLogger } from '@sightline/shared/errors/logger.ts'
import { expect, it } from 'vitest'

const committer: Committer = {
  begin: async () => -1n,
  commit: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
}

const delivery = (partition: number, offset: number, bytes: number): Delivery => ({
  topic: 't',
  partition,
  offset: BigInt(offset),
  timestamp: 0,
  key: '',
  value: new Uint8Array(bytes),
  headers: {},
})

it('stops fetching where all partitions together have enough, and none of them waits for the others for ever', async () => {
  const shared: SharedBuffer = { bytes: 0, most: 10_000 }
  const paused = new Set<number>()
  const gate = Promise.withResolvers<void>()
  const open = (partition: number) =>
    new KafkaPartition(
      { group: 'g', topic: 't', partition, topicId: null, former: null },
      {
        handler: async () => {
          await gate.promise
          return []
        },
        maxBatch: 1,
        bufferBytes: 100_000,
        shared,
        redelivery: defaultRedelivery,
        logger: silentLogger,
        committer,
        prove: async () => undefined,
        confirm: async () => undefined,
        proofAgeMs: 1,
        setPaused: (isPaused) => void (isPaused ? paused.add(partition) : paused.delete(partition)),
        before: Promise.resolve(),
        fail: () => undefined,
      },
    )
  const partitions = [0, 1, 2, 3, 4].map(open)
  for (const [index, partition] of partitions.entries()) partition.add([delivery(index, 0, 3000)])
  // The first three are below the limit when they take something; the last two are not.
  expect([...paused]).toEqual([3, 4])
  partitions[0]!.add([delivery(0, 1, 3000)])
  expect([...paused]).toEqual([3, 4, 0])
  gate.resolve()
  while (shared.bytes > 0) await sleep(5)
  expect([...paused]).toEqual([])
  partitions[1]!.add([delivery(1, 1, 3000)])
  await Promise.all(partitions.map((partition) => partition.lose()))
  expect(shared.bytes).toBe(0)
})
