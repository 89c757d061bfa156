/** What every driver of the state port does. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { State } from '../../../shared/state/state.ts'

const hour = 3_600_000

export function describeState(name: string, open: () => Promise<State>): void {
  describe(name, () => {
    test('gives a key to the first that claims it, and to it again', async () => {
      await using state = await open()
      const key = randomUUID()
      expect(await state.claim(key, 'a', hour)).toBe('a')
      expect(await state.claim(key, 'b', hour)).toBe('a')
      expect(await state.claim(key, 'a', hour)).toBe('a')
    })

    test('gives a key to exactly one of many that claim it at the same time', async () => {
      await using state = await open()
      const key = randomUUID()
      const owners = Array.from({ length: 50 }, (_, index) => `owner-${index}`)
      const answers = await Promise.all(owners.map((owner) => state.claim(key, owner, hour)))
      expect(new Set(answers).size).toBe(1)
    })

    test('gives a key again after its time', async () => {
      await using state = await open()
      const key = randomUUID()
      await state.claim(key, 'a', 20)
      await sleep(40)
      expect(await state.claim(key, 'b', hour)).toBe('b')
    })

    test('a claim that comes again does not last longer for it', async () => {
      await using state = await open()
      const key = randomUUID()
      await state.claim(key, 'a', 1000)
      await sleep(600)
      await state.claim(key, 'a', 1000)
      await sleep(600)
      expect(await state.claim(key, 'b', hour)).toBe('b')
    })

    test('keeps bytes as they are, the last ones set', async () => {
      await using state = await open()
      const key = randomUUID()
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
      await state.set(key, bytes.subarray(0, 3), hour)
      await state.set(key, bytes.subarray(10, 250), hour)
      expect(Uint8Array.from((await state.get(key))!)).toEqual(bytes.slice(10, 250))
    })

    test('forgets what was deleted, what has run out, and what was never there', async () => {
      await using state = await open()
      const [gone, late] = [randomUUID(), randomUUID()]
      await state.set(gone, new Uint8Array([1]), hour)
      await state.delete(gone)
      await state.set(late, new Uint8Array([1]), 20)
      await sleep(40)
      expect(await state.get(gone)).toBeUndefined()
      expect(await state.get(late)).toBeUndefined()
      expect(await state.get(randomUUID())).toBeUndefined()
      await state.delete(randomUUID())
    })

    test('keeps nothing at all as a value, which is not the same as none', async () => {
      await using state = await open()
      const key = randomUUID()
      await state.set(key, new Uint8Array(0), hour)
      expect((await state.get(key))?.byteLength).toBe(0)
    })

    test('a key that was set or deleted is claimed as what it now is', async () => {
      await using state = await open()
      const key = randomUUID()
      await state.set(key, new TextEncoder().encode('a'), hour)
      expect(await state.claim(key, 'b', hour)).toBe('a')
      await state.delete(key)
      expect(await state.claim(key, 'b', hour)).toBe('b')
      expect(new TextDecoder().decode(await state.get(key))).toBe('b')
    })

    test('may be closed twice', async () => {
      const state = await open()
      await state.set(randomUUID(), new Uint8Array([1]), hour)
      await state[Symbol.asyncDispose]()
      await state[Symbol.asyncDispose]()
    })
  })
}
