/** Remembers which broker coordinates a group or a transactional id, for as long as it answers as one. */
import { isConcurrent } from './kafka-errors.ts'

/** What kafkajs asks of a coordinator in the course of a transaction. */
const requests = ['initProducerId', 'addPartitionsToTxn', 'addOffsetsToTxn', 'txnOffsetCommit', 'endTxn'] as const

export type Coordinator = { readonly isConnected: () => boolean } & {
  readonly [Name in (typeof requests)[number]]: (request: object) => Promise<unknown>
}

export interface CoordinatorOf {
  readonly groupId: string
  readonly coordinatorType: number
}

export type FindCoordinator = (of: CoordinatorOf) => Promise<Coordinator>

/**
 * kafkajs 2.2.4 asks for the coordinator before each request, several times a transaction, as if it had moved in between. A coordinator is looked for again once a request to it failed, or its connection is gone.
 */
export function rememberCoordinators(find: FindCoordinator): FindCoordinator {
  const known = new Map<string, Coordinator>()
  return async (of) => {
    const key = `${of.coordinatorType}/${of.groupId}`
    const kept = known.get(key)
    if (kept?.isConnected()) return kept
    const found = await find(of)
    const coordinator = untilItFails(found, () => known.delete(key))
    known.set(key, coordinator)
    return coordinator
  }
}

function untilItFails(broker: Coordinator, forget: () => void): Coordinator {
  const watched = requests.map((name) => {
    const ask = async (request: object): Promise<unknown> => {
      try {
        return await broker[name](request)
      } catch (error) {
        // It is the right one, and still busy with the transaction before.
        if (!isConcurrent(error)) forget()
        throw error
      }
    }
    return [name, ask] as const
  })
  return { isConnected: () => broker.isConnected(), ...Object.fromEntries(watched) } as Coordinator
}
