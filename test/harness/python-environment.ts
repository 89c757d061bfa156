/** Python environments for tests, made once a machine from pinned requirements, in the repository's ignored cache folder. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cache = join(import.meta.dirname, '..', '..', '.cache')

/**
 * The interpreter of an environment with the requirements of a file. `module` is what it must be able to import.
 * The first call on a machine fetches them and says so; rejects where that can't be.
 */
export async function pythonEnvironment(name: string, requirements: string, module: string): Promise<string> {
  // Named after its requirements: others never meet this environment.
  const version = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
  const folder = join(cache, name, version.slice(0, 12))
  const interpreter = join(folder, 'bin', 'python')
  const isMade = await run(interpreter, ['-c', `import ${module}`]).then(
    () => true,
    () => false,
  )
  if (isMade) return interpreter
  process.stderr.write(`fetching ${module} (once) ...\n`)
  // The rename makes the folder whole or absent; an environment's interpreter does not mind it.
  const partial = `${folder}.${process.pid}.tmp`
  await run('python3', ['-m', 'venv', partial])
  await run(join(partial, 'bin', 'python'), ['-m', 'pip', 'install', '-q', '-r', requirements])
  await rm(folder, { recursive: true, force: true })
  await rename(partial, folder)
  return interpreter
}
