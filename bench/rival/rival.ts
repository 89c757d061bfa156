/** The reference's way of a picture in a Python process of its own: told how many pictures to do, it tells what they took. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { Work } from '../alternate.ts'
import { NotMeasured } from '../part.ts'

const script = fileURLToPath(new URL('./predict_system.py', import.meta.url))

export interface RivalOptions {
  readonly python: string
  readonly engine: 'paddle' | 'onnx'
  /** Paddle's folders, or ONNX files. */
  readonly detector: string
  readonly embedder: string
  /** Folder of the JPEGs. */
  readonly pictures: string
  /** Random vectors in its gallery. */
  readonly gallery: number
  readonly threads: number
}

export interface RivalWork extends Work {
  /** Boxes that were embedded. */
  readonly boxes: number
}

export interface Rival extends AsyncDisposable {
  run(pictures: number): Promise<RivalWork>
}

const answerSchema = z
  .object({ pictures: z.int(), boxes: z.int(), seconds: z.number(), cpuSeconds: z.number() })
  .transform(({ pictures, ...rest }): RivalWork => ({ items: pictures, ...rest }))

/** Throws NotMeasured with its last words where it does not start. */
export async function openRival({ python, ...options }: RivalOptions): Promise<Rival> {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(python, [script, ...args], { env: { ...process.env, GLOG_minloglevel: '3' } })
  let said = ''
  child.stderr.on('data', (chunk) => (said = (said + String(chunk)).slice(-4096)))
  const exited = once(child, 'close')
  // What can't be started has no output either, and is told by its end.
  exited.catch((error: unknown) => (said = String(error)))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done !== true) return value
    await exited.catch(() => undefined)
    throw new NotMeasured(`the rival on ${options.engine} ended: ${said.trim().split('\n').at(-1)}`)
  }
  // Frameworks greet on standard output, too.
  while ((await line()) !== 'ready');
  return {
    async run(pictures) {
      child.stdin.write(`${pictures}\n`)
      return answerSchema.parse(JSON.parse(await line()))
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await exited
    },
  }
}

/** Several that share the pictures. */
export function sideBySide(rivals: readonly Rival[]): Rival['run'] {
  return async (pictures) => {
    const each = Math.ceil(pictures / rivals.length)
    const started = performance.now()
    const works = await Promise.all(rivals.map((rival) => rival.run(each)))
    const sum = (of: (work: RivalWork) => number) => works.reduce((total, work) => total + of(work), 0)
    return {
      items: sum(({ items }) => items),
      boxes: sum(({ boxes }) => boxes),
      cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
      seconds: (performance.now() - started) / 1000,
    }
  }
}
