/** The jars of a real Kafka broker, fetched from Maven once and kept in the repository's ignored cache folder. */
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const pom = join(import.meta.dirname, 'kafka', 'pom.xml')
const cache = join(import.meta.dirname, '..', '..', '.cache', 'kafka')
const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'

/** Null where a broker can be started on this machine; else what is missing. */
export async function kafkaMissing(): Promise<string | null> {
  const [java, maven] = await Promise.all([works('java', ['-version']), works('mvn', ['-version'])])
  if (!java) return 'no java on the PATH'
  return maven || (await isFetched(await jarsFolder())) ? null : 'no mvn on the PATH to fetch the broker'
}

/** The folder with the jars; the first call on a machine takes some 10 s and says so on stderr. */
export async function kafkaJars(): Promise<string> {
  const folder = await jarsFolder()
  if (await isFetched(folder)) return folder
  // Maven checks each jar against its published checksum; the rename makes the folder whole or absent.
  const partial = `${folder}.${process.pid}.tmp`
  await mkdir(partial, { recursive: true })
  process.stderr.write('fetching the Kafka broker for the tests (45 MB, once) ...\n')
  await run('mvn', ['-q', '-B', '-f', pom, plugin, '-DincludeScope=runtime', `-DoutputDirectory=${partial}`])
  if (!(await isFetched(folder))) await rename(partial, folder)
  else await rm(partial, { recursive: true })
  process.stderr.write(`fetched: ${(await readdir(folder)).length} jars\n`)
  return folder
}

/** Named after the version in the pom, so that another version never meets these jars. */
async function jarsFolder(): Promise<string> {
  const version = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>(.+?)<\/version>/.exec(await readFile(pom, 'utf8'))
  return join(cache, version![1]!)
}

async function isFetched(folder: string): Promise<boolean> {
  const files = await readdir(folder).catch(() => [])
  return files.some((name) => name.startsWith('kafka_2.13-'))
}

async function works(command: string, args: readonly string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  )
}
