/** What an error of the Kafka client means for us: worth a retry, the end of a membership, or a refusal that stays. */
import { SightlineError } from '../../errors/errors.ts'

/** The protocol error types and error names of an error and of all its causes. */
function kinds(error: unknown): ReadonlySet<string> {
  const found = new Set<string>()
  for (let current: unknown = error, depth = 0; current instanceof Error && depth < 10; depth += 1) {
    found.add(current.name)
    const { type, code } = current as { type?: unknown; code?: unknown }
    for (const kind of [type, code]) if (typeof kind === 'string') found.add(kind)
    current = current.cause
  }
  return found
}

const fencing = ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING', 'UNKNOWN_PRODUCER_ID']
const expulsion = ['UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'MEMBER_ID_REQUIRED']

/** Another process has taken over the transactional id, and with it the partition. */
export const isFenced = (error: unknown): boolean => has(error, fencing)

/** The group goes on without this member. */
export const isExpelled = (error: unknown): boolean => has(error, expulsion)

/** Members come or go; ours goes on with the next generation. */
export const isRebalancing = (error: unknown): boolean =>
  has(error, ['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'NOT_COORDINATOR_FOR_GROUP'])

/** The transaction before this one is still being finished; a moment later it goes. */
export const isConcurrent = (error: unknown): boolean => has(error, ['CONCURRENT_TRANSACTIONS'])

/** A partition has no leader yet, or a new one. */
export const isElecting = (error: unknown): boolean => has(error, ['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE'])

export const isMissingTopic = (error: unknown): boolean => has(error, ['UNKNOWN_TOPIC_OR_PARTITION'])

/** An answer of a broker: the connection to it is well. */
export const isProtocolError = (error: unknown): boolean => has(error, ['KafkaJSProtocolError'])

/** A message, or some together, that the broker or we ourselves refuse for their size. */
export const isTooLarge = (error: unknown): boolean =>
  has(error, ['BUS_MESSAGE_TOO_LARGE', 'MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])

/** Of a request to delete one group: it is not there, or somebody is still in it. */
export function isNoSuchGroup(error: unknown): boolean {
  const { groups } = error as { groups?: readonly { error?: unknown }[] }
  return groups?.every((group) => has(group.error, ['GROUP_ID_NOT_FOUND', 'NON_EMPTY_GROUP'])) ?? false
}

/** Refusals that no retry changes; everything else (connections, elections, fencing, time-outs) can heal. */
const lasting = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'KafkaJSSASLAuthenticationError',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_TRANSACTION_TIMEOUT',
  'UNSUPPORTED_VERSION',
  'KafkaJSNotImplemented',
  'KafkaJSServerDoesNotSupportApiKey',
])

/** @param doing what was being done to what, as "publishing to frames" */
export function kafkaError(doing: string, error: unknown): SightlineError {
  if (error instanceof SightlineError) return error
  const found = kinds(error)
  if (found.has('MESSAGE_TOO_LARGE') || found.has('RECORD_LIST_TOO_LARGE')) {
    return new SightlineError('BUS_MESSAGE_TOO_LARGE', `${doing}: too large, raise max.message.bytes of the topic`, {
      cause: error,
    })
  }
  const refused = [...found].some((kind) => lasting.has(kind))
  return new SightlineError('BUS_UNAVAILABLE', doing, { cause: error, retryable: !refused })
}

function has(error: unknown, wanted: readonly string[]): boolean {
  const found = kinds(error)
  return wanted.some((kind) => found.has(kind))
}
