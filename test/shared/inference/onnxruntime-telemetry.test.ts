/** onnxruntime's telemetry is off unless somebody wants it; where we can't switch it off we say so. What it would do is held by test/quiet.test.ts. */
import { text } from 'node:stream/consumers'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'

const source = new URL('../../../shared/inference/onnxruntime-telemetry.ts', import.meta.url).href

/** What a program that opens sessions in a worker thread of its own reads, and the variable as the thread sees it. */
async function inWorker(env: Record<string, string>): Promise<readonly [variable: string, warning: string]> {
  const code = `import('${source}').then(({ disableTelemetry }) => {
    disableTelemetry()
    disableTelemetry()
    process.stdout.write(process.env['ORT_DISABLE_TELEMETRY'])
  })`
  const worker = new Worker(code, { eval: true, env, stdout: true, stderr: true })
  return Promise.all([text(worker.stdout), text(worker.stderr)])
}

test('a program that uses the library in a worker thread is told once what to do', async () => {
  const [variable, warning] = await inWorker({})
  expect(variable).toBe('1')
  expect(warning.match(/Set ORT_DISABLE_TELEMETRY=1 in the environment/g)).toHaveLength(1)
})

test.each(['1', '0'])('who has decided, by %s, is left alone', async (value) => {
  expect(await inWorker({ ORT_DISABLE_TELEMETRY: value })).toEqual([value, ''])
})
