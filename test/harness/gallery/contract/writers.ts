/** Several at one gallery: who sees what, and who may write; part of the contract of every driver. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { entryOf, vectorOf } from '../entries.ts'
import { type ContractTools, idsOf } from './tools.ts'

const script = fileURLToPath(new URL('../writer.ts', import.meta.url))

export function writersContract({ newLocation, open, build, lateInfo, lateRelease }: ContractTools): void {
  test('sees what another handle changes, without being opened again', async () => {
    const location = await newLocation()
    await using writer = await open(location, 'create')
    await using reader = await open(location, 'read')
    await writer.put([entryOf('a', 1), entryOf('b', 2), entryOf('c', 3)])
    expect((await reader.search([vectorOf(3)], 1))[0]![0]!.id).toBe('c')
    await writer.remove({ ids: ['a', 'c'] })
    await writer.put([entryOf('b', 9)])
    expect((await reader.search([vectorOf(9)], 9))[0]!.map(({ id }) => id)).toEqual(['b'])
    expect(await idsOf(reader)).toEqual(['b'])
    await sleep(lateInfo?.ms ?? 0)
    expect(await reader.info()).toEqual(await writer.info())
    expect(await reader.info()).toMatchObject({ entries: 1, items: 1 })
  })

  test('raises the revision for each change of two that write at once, and loses nothing of either', async () => {
    const location = await newLocation()
    await using one = await open(location, 'create')
    await using two = await open(location, 'create')
    await Promise.all(
      Array.from({ length: 20 }, (_, seed) => (seed % 2 === 0 ? one : two).put([entryOf(String(seed), seed)])),
    )
    await using reader = await open(location, 'read')
    expect(await reader.info()).toMatchObject({ entries: 20, revision: 20 })
    expect((await reader.search([vectorOf(13)], 1))[0]![0]!.id).toBe('13')
  })

  const ways = [
    ['writes', (location: string) => open(location, 'write')],
    ['builds', (location: string) => build(location)],
  ] as const

  describe('while one has it to write', () => {
    test.each(ways.flatMap(([one, first]) => ways.map(([two, second]) => [one, two, first, second] as const)))(
      '(it %s) another one that %s is told who and since when, and may once the first is done',
      async (_one, _two, first, second) => {
        const location = await newLocation()
        await (await open(location, 'create'))[Symbol.asyncDispose]()
        const before = Date.now()
        {
          await using _holder = await first(location)
          const error = (await second(location).catch((one: unknown) => one)) as Error
          expect(error).toMatchObject({ code: 'GALLERY_BUSY', retryable: true })
          expect(error.message).toContain(location)
          expect(error.message).toContain(`process ${process.pid} on `)
          const [since] = /\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(error.message)!
          expect(Date.parse(since)).toBeGreaterThanOrEqual(before - 1)
          expect(Date.parse(since)).toBeLessThanOrEqual(Date.now())
          expect(error.message).toMatch(/wait .*stop it/)
          // Readers go on.
          await using reader = await open(location, 'read')
          expect(await reader.info()).toMatchObject({ entries: 0 })
        }
        await (await second(location))[Symbol.asyncDispose]()
      },
    )

    test('exactly one of many that begin at once gets it', async () => {
      const location = await newLocation()
      for (const round of [0, 1, 2]) {
        // There is no gallery in the first round: only builds can get it.
        const asked = Array.from({ length: 5 }, (_, index) => ways[round === 0 ? 1 : index % 2]![1](location))
        const outcomes = await Promise.allSettled(asked)
        const got = outcomes.filter((outcome) => outcome.status === 'fulfilled')
        expect(got).toHaveLength(1)
        for (const { value } of got) {
          if ('draft' in value) await value.publish()
          await value[Symbol.asyncDispose]()
        }
      }
    })
  })

  const patience = { timeout: 30_000 + (lateRelease?.ms ?? 0) }

  test.each(['write', 'build'])('killed while it had it to %s, holds it no longer', patience, async (what) => {
    const location = await newLocation()
    await (await open(location, 'create'))[Symbol.asyncDispose]()
    const child = spawn(process.execPath, [script, location, what], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    await expect(open(location, 'write')).rejects.toMatchObject({ code: 'GALLERY_BUSY' })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const killed = performance.now()
    for (;;) {
      const writer = await open(location, 'write').catch((error: unknown) => error as Error)
      if (!(writer instanceof Error)) {
        await writer[Symbol.asyncDispose]()
        break
      }
      expect(writer).toMatchObject({
        code: 'GALLERY_BUSY',
        message: expect.stringContaining(`process ${child.pid} on`),
      })
      expect(performance.now() - killed).toBeLessThan(lateRelease?.ms ?? 0)
      await sleep(200)
    }
  })

  test('killed in the middle of writes, has all that was acknowledged', async () => {
    const location = await newLocation()
    await (await open(location, 'create'))[Symbol.asyncDispose]()
    const acknowledged = new Set<string>()
    for (const round of [0, 1, 2]) {
      const child = spawn(process.execPath, [script, location, 'put', String(round * 100_000)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let text = ''
      const enough = Promise.withResolvers<void>()
      child.stdout.on('data', (chunk) => {
        text += String(chunk)
        if (text.split('\n').length > 20 + round * 7) enough.resolve()
      })
      await enough.promise
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
      for (const id of text.slice(0, text.lastIndexOf('\n')).split('\n')) acknowledged.add(id)
      await using gallery = await open(location, 'read')
      const found = new Set(await idsOf(gallery))
      expect([...acknowledged].filter((id) => !found.has(id))).toEqual([])
      // Three at a time, all or nothing.
      expect(found.size % 3).toBe(0)
      const last = Number([...acknowledged].at(-1))
      expect((await gallery.search([vectorOf(last)], 1))[0]![0]!.id).toBe(String(last))
    }
  })
}
