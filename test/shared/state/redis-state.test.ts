import { setImmediate as turn } from 'node:timers/promises'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { RedisState } from '../../../shared/state/redis-state.ts'
import { startRedisServer } from '../../harness/redis-server.ts'
import { requireService } from '../../harness/services.ts'
import { describeState } from '../../harness/state/state-contract.ts'

const redis = await requireService('redis')
const process = await requireService('redis-process')

describe.skipIf(redis === undefined)('on Redis', () => {
  describeState('state in Redis', async () => new RedisState({ url: redis!.url }))

  test('is shared by all that connect to it', async () => {
    await using one = new RedisState({ url: redis!.url })
    await using other = new RedisState({ url: redis!.url })
    await one.set('shared', new Uint8Array([7]), 60_000)
    expect([...(await other.get('shared'))!]).toEqual([7])
  })
})

describe.skipIf(process === undefined)('a Redis that goes away', () => {
  test('makes every command fail at once, and is found again when it is back', async () => {
    await using server = await startRedisServer()
    await using state = new RedisState({ url: server.url })
    expect(await state.claim('key', 'a', 60_000)).toBe('a')
    await server.kill()
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(state.claim('key', 'b', 60_000)).rejects.toMatchObject({
        code: 'STATE_UNAVAILABLE',
        retryable: true,
      })
    }
    await server.start()
    await expect.poll(() => state.claim('key', 'b', 60_000).catch(String), { timeout: 10_000 }).toBe('a')
  })

  test('that was never there is told without its password', async () => {
    await using state = new RedisState({ url: 'redis://user:hunter2@127.0.0.1:1/0' })
    const error = await state.get('key').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'STATE_UNAVAILABLE', message: expect.stringContaining('127.0.0.1:1') })
    expect(String(error)).not.toContain('hunter2')
  })
})

describe.skipIf(process === undefined)('a Redis that is frozen', () => {
  test('is given up: soon no command waits for it, and it is found again when it goes on', async () => {
    await using server = await startRedisServer()
    await using state = new RedisState({ url: server.url, commandTimeoutMs: 200 })
    expect(await state.claim('key', 'a', 60_000)).toBe('a')
    await server.freeze()
    await expect(state.claim('key', 'b', 60_000)).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
      message: expect.stringContaining('no answer'),
    })
    const first = () => Promise.race([state.get('key').then(String, () => 'fails at once'), turn('waits')])
    await expect.poll(first, { timeout: 10_000 }).toBe('fails at once')
    await server.thaw()
    await expect.poll(() => state.claim('key', 'b', 60_000).catch(String), { timeout: 10_000 }).toBe('a')
  })

  test('when it is first asked makes commands fail, and not wait for ever', async () => {
    await using server = await startRedisServer()
    await server.freeze()
    await using state = new RedisState({ url: server.url, commandTimeoutMs: 200 })
    await expect(state.get('key')).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
      message: expect.stringContaining('no answer'),
    })
    await server.thaw()
    await expect.poll(() => state.claim('key', 'a', 60_000).catch(String), { timeout: 10_000 }).toBe('a')
  })
})

describe.skipIf(process === undefined)('a Redis that refuses', () => {
  test('the database is not used at all, lest the keys of others are met in another one', async () => {
    await using server = await startRedisServer()
    await using state = new RedisState({ url: `${server.url}/99` })
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(state.set('key', new Uint8Array(1), 60_000)).rejects.toMatchObject({
        code: 'STATE_UNAVAILABLE',
        message: expect.stringMatching(/:\d+\/99 .*DB index is out of range/),
      })
    }
    await using other = new RedisState({ url: server.url })
    expect(await other.get('key')).toBeUndefined()
  })

  test('the password says so without telling it', async () => {
    await using server = await startRedisServer({ password: 'sesame' })
    await using state = new RedisState({ url: server.url.replace('sesame', 'hunter2') })
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const error = await state.get('key').catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'STATE_UNAVAILABLE', message: expect.stringContaining('WRONGPASS') })
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain('hunter2')
    }
    await using right = new RedisState({ url: server.url })
    expect(await right.get('key')).toBeUndefined()
  })
})

test('what is no URL of Redis is refused without repeating it', () => {
  expect(() => new RedisState({ url: 'http://user:hunter2@host' })).toThrow('redis://')
  expect(() => new RedisState({ url: 'hunter2' })).toThrow(/^(?!.*hunter2)/)
  expect(() => new RedisState({ url: 'redis://host:6379/shop' })).toThrow('no number of a database')
  expect(() => new RedisState({ url: 'redis://user:12/hunter2@host' })).toThrow(/^(?!.*hunter2).*%2F/)
})
