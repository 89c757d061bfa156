/** Kafka clients that are not ours, for the tests of the examples. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')
const requirements = join(root, 'examples', 'python', 'requirements.txt')

/** Null where kcat is there; else what is missing. */
export const kcatMissing = (): Promise<string | null> =>
  run('kcat', ['-V']).then(
    () => null,
    () => 'no kcat on the PATH',
  )

/** The interpreter of an environment with the examples' requirements; made once a machine, rejects where it can't be. */
export async function pythonClient(): Promise<string> {
  const version = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12)
  const folder = join(root, '.cache', 'python', version)
  const interpreter = join(folder, 'bin', 'python')
  const isMade = await run(interpreter, ['-c', 'import confluent_kafka']).then(
    () => true,
    () => false,
  )
  if (isMade) return interpreter
  process.stderr.write('fetching the Python client for the tests of the examples (once) ...\n')
  // The rename makes the folder whole or absent; an environment's interpreter does not mind it.
  const partial = `${folder}.${process.pid}.tmp`
  await run('python3', ['-m', 'venv', partial])
  await run(join(partial, 'bin', 'python'), ['-m', 'pip', 'install', '-q', '-r', requirements])
  await rm(folder, { recursive: true, force: true })
  await rename(partial, folder)
  return interpreter
}
