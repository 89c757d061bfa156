/** Times for tests: a lost member is noticed within 1.5 s. */
import type { KafkaTimes } from '@sightline/shared/bus/kafka-options.ts'

export const quickTimes: Partial<KafkaTimes> = {
  sessionTimeoutMs: 1_500,
  heartbeatIntervalMs: 300,
  rebalanceTimeoutMs: 3_000,
  maxWaitMs: 50,
  requestTimeoutMs: 1_200,
}
