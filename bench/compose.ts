/**
 * What the stack of docker-compose.yml costs at rest: `node bench/compose.ts [SECONDS]`, beside a `docker compose up -d` that
 * nobody publishes to. Prints the CPU time of each container in percent of a core, its memory, and the image's size.
 */
import { execFile } from 'node:child_process'
import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const seconds = Number(process.argv[2] ?? 60)
const socketPath = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '')

interface Stats {
  readonly name: string
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number } }
  readonly memory_stats: { readonly usage: number; readonly stats?: Readonly<Record<string, number>> }
}

function statsOf(id: string): Promise<Stats> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: `/containers/${id}/stats?stream=false&one-shot=true` }, (response) => {
      json(response).then((body) => resolve(body as Stats), reject)
    })
      .on('error', reject)
      .end()
  })
}

/** Memory without the page cache, which the kernel takes back. */
function memoryOf({ memory_stats: { usage, stats = {} } }: Stats): number {
  return usage - (stats['total_inactive_file'] ?? stats['inactive_file'] ?? 0)
}

const { stdout } = await run('docker', ['compose', 'ps', '--quiet'])
const ids = stdout.trim().split('\n')
const all = (): Promise<readonly Stats[]> => Promise.all(ids.map(statsOf))
const before = await all()
const started = performance.now()
await sleep(seconds * 1000)
const after = await all()
const elapsedMs = performance.now() - started

let total = 0
for (const [index, stats] of after.entries()) {
  const usedNs = stats.cpu_stats.cpu_usage.total_usage - before[index]!.cpu_stats.cpu_usage.total_usage
  const percent = usedNs / 1e4 / elapsedMs
  total += percent
  const memory = (memoryOf(stats) / 2 ** 20).toFixed(0)
  console.log(
    `${stats.name.replace(/^\//, '').padEnd(32)} ${percent.toFixed(1).padStart(5)} %  ${memory.padStart(5)} MiB`,
  )
}
console.log(`${'all'.padEnd(32)} ${total.toFixed(1).padStart(5)} %`)
const { stdout: images } = await run('docker', ['compose', 'images', '--format', 'json'])
const ours = (JSON.parse(images) as readonly { Repository: string; Size: number }[]).filter(
  ({ Repository }) => Repository === 'sightline',
)
for (const bytes of new Set(ours.map(({ Size }) => Size))) console.log(`image ${Math.round(bytes / 1e6)} MB`)
