/** What topics keep: hours always, and bytes where they are bounded, whatever Kafka's segments add. */
import { expect, test } from 'vitest'
import { defaultTopicPlan, planTopics } from '../../../shared/contracts/topic-plan.ts'

const gigabytes = 10
const bounded = planTopics({ ...defaultTopicPlan, retentionBytes: gigabytes * 1e9 })

test('a topic without a bound is as large as its hours make it', () => {
  for (const { config } of planTopics(defaultTopicPlan)) {
    expect(config).not.toHaveProperty('retention.bytes')
    expect(Number(config['retention.ms'])).toBeGreaterThan(0)
  }
})

test.each(bounded)('$name: what its partitions retain, and a segment more of each, is within the bound', (topic) => {
  const { partitions, config } = topic
  const segment = Number(config['segment.bytes'])
  expect(partitions * (Number(config['retention.bytes']) + segment)).toBeLessThanOrEqual(gigabytes * 1e9)
  expect(segment).toBeGreaterThan(Number(config['max.message.bytes']))
})

test('a bound below what single messages take still leaves room for some', () => {
  for (const { config } of planTopics({ ...defaultTopicPlan, retentionBytes: 1e6 })) {
    expect(Number(config['segment.bytes'])).toBeGreaterThan(Number(config['max.message.bytes']))
    expect(Number(config['retention.bytes'])).toBeGreaterThan(0)
  }
})
