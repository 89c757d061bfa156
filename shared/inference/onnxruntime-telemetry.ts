/** Keeps onnxruntime silent: it is loaded only after its telemetry was switched off. The only file of a library that touches the environment. */
import process from 'node:process'
import { isMainThread } from 'node:worker_threads'

const variable = 'ORT_DISABLE_TELEMETRY'

/**
 * Since 1.30 onnxruntime's builds for Linux ask DNS for their maker's collector and send it what runs, leave an identifier
 * of the machine in the home and the temporary folder, and print a line where they can't; not where CI=true, so tests see
 * nothing of it. A variable that is set before the library is loaded is the only switch: its API has none. The library
 * reads the process's own environment, which is what the main thread's `process.env` writes to; a worker thread's is a
 * copy. Who has set the variable, to 0 if they like, is left alone.
 */
export function disableTelemetry(): void {
  if (process.env[variable]) return
  process.env[variable] = '1'
  if (isMainThread) return
  process.emitWarning(
    `Sightline runs in a worker thread, where it can't switch off onnxruntime's telemetry. Set ${variable}=1 in the environment of the process, or in its main thread.`,
    'SightlineWarning',
  )
}
