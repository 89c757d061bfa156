import { expect, test } from 'vitest'
import { MemoryState } from '../../../shared/state/memory-state.ts'
import { describeState } from '../../harness/state/state-contract.ts'

describeState('state in memory', async () => new MemoryState())

test('its memory is bounded: the oldest keys go first', async () => {
  const state = new MemoryState({ maxKeys: 3 })
  for (const key of ['a', 'b', 'c', 'd']) await state.set(key, new Uint8Array(1), 1000)
  expect(await Promise.all(['a', 'b', 'c', 'd'].map(async (key) => (await state.get(key)) !== undefined))).toEqual([
    false,
    true,
    true,
    true,
  ])
})
