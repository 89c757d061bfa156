import { murmur2 } from '@sightline/shared/bus/partitioner.ts'
import { expect, it } from 'vitest'

// The vectors of Apache Kafka's own test, org.apache.kafka.common.utils.UtilsTest.testMurmur2.
it.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('hashes %s as the Java clients do', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash)
})
