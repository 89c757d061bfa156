/** Removes the containers of a process when it is gone: `node container-guard.ts OWNER`, with a pipe from it as stdin. */
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { ownerLabel } from './container.ts'

const [owner = ''] = process.argv.slice(2)
process.stdin.resume()
await new Promise((resolve) => process.stdin.once('close', resolve))

const { getContainerRuntimeClient } = await import('testcontainers')
const { container: containers } = await getContainerRuntimeClient()
const status = ['created', 'restarting', 'running', 'paused', 'exited', 'dead'] as const
// Twice: one may have been on its way.
for (const wait of [0, 2000]) {
  await sleep(wait)
  for (;;) {
    const left = await containers.fetchByLabel(ownerLabel, owner, { status: [...status] })
    if (left === undefined) break
    await left.remove({ force: true, v: true })
  }
}
