/** Kafka clients that are not ours, for the tests of the examples. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pythonEnvironment } from './python-environment.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')
const requirements = join(root, 'examples', 'python', 'requirements.txt')

/** Null where kcat is there; else what is missing. */
export const kcatMissing = (): Promise<string | null> =>
  run('kcat', ['-V']).then(
    () => null,
    () => 'no kcat on the PATH',
  )

/** The interpreter of an environment with the examples' requirements; rejects where it can't be made. */
export const pythonClient = (): Promise<string> => pythonEnvironment('python', requirements, 'confluent_kafka')
