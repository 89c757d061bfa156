/** What a program asks of the system, seen by strace: whom it talks to and which files it makes, whichever library does it. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const endsWithinMs = 20_000

export interface SystemCalls {
  /** Whom it called or tried to, each once: `127.0.0.1:9092`, `[::1]:53`, `unix:/var/run/nscd/socket`. */
  readonly peers: readonly string[]
  /** The absolute paths of files and folders that it made or tried to, each once. */
  readonly files: readonly string[]
}

/** A program under watch, with nowhere to write but an empty temporary folder: as in the image, it has no home. */
export interface Watch extends AsyncDisposable {
  /** Goes before the program's command and its arguments; the program keeps the process id that it would have had. */
  readonly under: readonly string[]
  /**
   * The whole environment, but for the program's own settings: what a person's shell has at least. Nothing of the tests'
   * own is in it, above all not CI, where many a library behaves.
   */
  readonly environment: Readonly<Record<string, string>>
  /** Once it has ended: all that it did, with its threads and children. */
  calls(): Promise<SystemCalls>
}

/** Null where programs can be watched on this machine; else what is missing. */
export async function straceMissing(): Promise<string | null> {
  return run('strace', ['-f', '--seccomp-bpf', '-e', 'trace=connect', '-o', '/dev/null', 'true']).then(
    () => null,
    (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? 'no strace on the PATH' : `strace can't watch here: ${error.message.split('\n')[0]}`,
  )
}

const talking = ['connect', 'sendto', 'sendmsg', 'sendmmsg']
const making = ['open', 'openat', 'openat2', 'creat', 'mkdir', 'mkdirat', 'mknod', 'mknodat']
const naming = ['rename', 'renameat', 'renameat2', 'link', 'linkat', 'symlink', 'symlinkat']

export async function watchCalls(): Promise<Watch> {
  const folder = await mkdtemp(join(tmpdir(), 'sightline-calls-'))
  const log = join(folder, 'calls')
  const temporary = join(folder, 'tmp')
  await mkdir(temporary)
  const calls = `trace=${[...talking, ...making, ...naming].join(',')}`
  return {
    // -D: strace is the program's grandchild. -y: with the path of every file descriptor.
    under: [
      'strace',
      '-D',
      '-f',
      '-y',
      '-q',
      '--seccomp-bpf',
      '-s',
      '300',
      '-e',
      'signal=none',
      '-e',
      calls,
      '-o',
      log,
    ],
    environment: { PATH: process.env['PATH'] ?? '', HOME: '/dev/null/home', TMPDIR: temporary },
    calls: async () => parse(await ended(log)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** strace writes the program's end last, some time after it. */
async function ended(log: string): Promise<readonly string[]> {
  for (const end = Date.now() + endsWithinMs; Date.now() < end; ) {
    const lines = (await readFile(log, 'latin1')).split('\n')
    const program = /^\d+/.exec(lines[0] ?? '')?.[0]
    if (program !== undefined && lines.some((line) => /^(\d+) +\+\+\+ /.exec(line)?.[1] === program)) return lines
    await sleep(50)
  }
  throw new Error(`strace wrote no end of the program to ${log}`)
}

function parse(lines: readonly string[]): SystemCalls {
  const [peers, files] = [new Set<string>(), new Set<string>()]
  for (const line of lines) {
    const call = /^\d+ +(\w+)\(/.exec(line)?.[1] ?? ''
    if (talking.includes(call)) for (const peer of peersIn(line)) peers.add(peer)
    const made = fileIn(call, line)
    if (made !== null) files.add(made)
  }
  return { peers: [...peers].toSorted(), files: [...files].toSorted() }
}

/** The kernel itself (netlink) is nobody. */
function peersIn(line: string): readonly string[] {
  return [
    ...[...line.matchAll(/sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)/g)].map((m) => `${m[2]}:${m[1]}`),
    ...[...line.matchAll(/sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([^"]+)"/g)].map((m) => `[${m[2]}]:${m[1]}`),
    ...[...line.matchAll(/sun_path=(@?)"([^"]+)"/g)].map((m) => `unix:${m[1]}${m[2]}`),
  ]
}

/** Null for a call that makes none. */
function fileIn(call: string, line: string): string | null {
  if (naming.includes(call)) return pathsIn(line).at(-1) ?? null
  const makes = making.includes(call) && (!call.startsWith('open') || line.includes('O_CREAT'))
  return makes ? (pathsIn(line)[0] ?? null) : null
}

/** Paths in a call's arguments, those relative to an open folder put together with it. */
const pathsIn = (line: string): readonly string[] =>
  [...line.matchAll(/(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]*)"/g)].map(([, folder = '', path = '']) =>
    resolve(folder, path),
  )
