/** A service that dies is not back before its session has expired; one that is asked to stop is not held up. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { type Child, startChild } from '../harness/child.ts'
import { root } from './compose-file.ts'

/** Far longer than a test may take: what waits for it does not end. */
const forever = '3600'

const start = (delay: string, program: string, cgroup = '/nowhere'): Promise<Child> =>
  startChild('sh', [join(root, 'deploy', 'restart-late.sh'), process.execPath, '-e', program], {
    env: { PATH: process.env['PATH'], SIGHTLINE_SESSION_TIMEOUT_SECONDS: delay, CGROUP_ROOT: cgroup },
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
  expect(JSON.parse(child.output().trim().split('\n').at(-1)!)).toMatchObject({
    level: 'error',
    msg: 'ended with 137: killed from outside; the restart waits 0.2 s for the session to expire',
  })
})

test.each([
  ['v2', 'memory.events', 'low 0\noom 4\noom_kill 2\n'],
  ['v1', 'memory/memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n'],
])('what the kernel ends for memory says so (cgroup %s)', async (_version, name, text) => {
  const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
  await mkdir(dirname(join(folder, name)), { recursive: true })
  await writeFile(join(folder, name), text)
  await using child = await start('0.2', living, folder)
  process.kill(await firstNumber(child), 'SIGKILL')
  await child.exited
  expect(child.output()).toMatch(/ended by the kernel for memory: raise the memory limit/)
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
