import {
  isConcurrent,
  isExpelled,
  isFenced,
  isMissingTopic,
  isRebalancing,
  kafkaError,
} from '@sightline/shared/bus/kafka/kafka-errors.ts'
import { describeError, SightlineError } from '@sightline/shared/errors/errors.ts'
import { describe, expect, it } from 'vitest'

/** As kafkajs throws it: the protocol's type on the innermost error. */
const error = (type: string, name = 'KafkaJSProtocolError') =>
  Object.assign(new Error(type), {
    name: 'KafkaJSNonRetriableError',
    cause: Object.assign(new Error(type), { name, type }),
  })

describe('an error of the client', () => {
  it.each([
    ['NOT_LEADER_FOR_PARTITION', 'BUS_UNAVAILABLE', true],
    ['INVALID_PRODUCER_EPOCH', 'BUS_UNAVAILABLE', true],
    ['ECONNREFUSED', 'BUS_UNAVAILABLE', true],
    ['TOPIC_AUTHORIZATION_FAILED', 'BUS_UNAVAILABLE', false],
    ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'BUS_UNAVAILABLE', false],
    ['MESSAGE_TOO_LARGE', 'BUS_MESSAGE_TOO_LARGE', false],
  ])('%s becomes %s, retryable: %s', (type, code, retryable) => {
    const result = kafkaError('publishing to frames', error(type))
    expect(result).toMatchObject({ code, retryable, message: expect.stringMatching(/^publishing to frames/) })
    expect(describeError(result)).toMatch(/^publishing to frames: .*[A-Z_]+$/)
    expect(describeError(result).split(type)).toHaveLength(2)
  })

  it('stays what it is where it is ours already', () => {
    const ours = new SightlineError('BUS_TOPIC_MISSING', 'topic frames does not exist')
    expect(kafkaError('publishing', ours)).toBe(ours)
  })

  it.each([
    [isFenced, 'INVALID_PRODUCER_EPOCH'],
    [isFenced, 'PRODUCER_FENCED'],
    [isExpelled, 'UNKNOWN_MEMBER_ID'],
    [isRebalancing, 'REBALANCE_IN_PROGRESS'],
    [isRebalancing, 'ILLEGAL_GENERATION'],
    [isConcurrent, 'CONCURRENT_TRANSACTIONS'],
    [isMissingTopic, 'UNKNOWN_TOPIC_OR_PARTITION'],
  ])('is recognized by its cause: %o %s', (recognize, type) => {
    expect(recognize(kafkaError('doing', error(type)))).toBe(true)
    expect(recognize(error('OTHER'))).toBe(false)
  })
})
