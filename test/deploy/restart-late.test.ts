/** A service that dies is not back before its session has expired; one that is asked to stop is not held up. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Child, startChild } from '../harness/child.ts'
import { root } from './compose-file.ts'

/** Far longer than a test may take: what waits for it does not end. */
const forever = '3600'

const start = (delay: string, program: string): Promise<Child> =>
  startChild('sh', [join(root, 'deploy', 'restart-late.sh'), process.execPath, '-e', program], {
    env: { PATH: process.env['PATH'], SIGHTLINE_SESSION_TIMEOUT_SECONDS: delay },
  })

/** Resolves with the number in the first line that the program prints. */
const firstNumber = (child: Child): Promise<number> =>
  new Promise((resolve) => {
    child.onLine((line) => resolve(Number(line)))
  })

async function says(child: Child, text: string): Promise<void> {
  while (!child.output().includes(text)) await new Promise((resolve) => setTimeout(resolve, 10))
}

const living = 'console.log(process.pid); setInterval(() => undefined, 1000)'
const draining = `process.on('SIGTERM', () => setTimeout(() => process.exit(0), 100)); ${living}`

test('a killed service ends with its code, after the session time-out', async () => {
  await using child = await start('0.2', living)
  process.kill(await firstNumber(child), 'SIGKILL')
  expect(await child.exited).toBe(137)
  expect(child.output()).toContain('ended with 137; the restart waits 0.2 s')
})

test('a service that fails is held back, and a stop ends the wait at once', async () => {
  await using child = await start(forever, 'process.exit(1)')
  await says(child, 'the restart waits')
  expect(await child.stop()).toBe(1)
})

test('a stop is handed on, and the drain is waited for', async () => {
  await using child = await start(forever, draining)
  await firstNumber(child)
  expect(await child.stop()).toBe(0)
})

test('wrong settings are told at once', async () => {
  await using child = await start(forever, 'process.exit(2)')
  expect(await child.exited).toBe(2)
})
