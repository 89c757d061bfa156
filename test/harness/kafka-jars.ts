/** What a real Kafka broker needs, fetched or made once and kept in the repository's ignored cache folder. */
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const pom = join(import.meta.dirname, 'kafka', 'pom.xml')
const cache = join(import.meta.dirname, '..', '..', '.cache', 'kafka')
const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'

/** Null where a broker can be started from its jars; else what is missing. */
export async function kafkaMissing(): Promise<string | null> {
  const [java, maven] = await Promise.all([works('java', ['-version']), works('mvn', ['-version'])])
  if (!java) return 'no java on the PATH'
  return maven || (await isFetched(await jarsFolder())) ? null : 'no mvn on the PATH to fetch the broker'
}

/** Null where the certificate can be made; else what is missing. */
export async function keytoolMissing(): Promise<string | null> {
  return (await works('keytool', ['-help'])) ? null : 'no keytool on the PATH, for the certificate of a broker'
}

/** A key store (PKCS #12) for a broker on 127.0.0.1, and its certificate for clients to trust. */
export interface TestCertificate {
  readonly keyStore: string
  readonly password: string
  readonly ca: string
}

/** Made once a machine by the Java keytool, valid for ten years and trusted by nobody but the tests. */
export async function testCertificate(): Promise<TestCertificate> {
  const folder = join(cache, 'tls')
  const password = 'test-key-store'
  const store = ['-alias', 'broker', '-keystore', join(folder, 'broker.p12'), '-storepass', password]
  if (!(await filesOf(folder)).includes('ca.pem')) {
    await mkdir(folder, { recursive: true })
    await rm(join(folder, 'broker.p12'), { force: true })
    const subject = ['-dname', 'CN=127.0.0.1', '-ext', 'san=ip:127.0.0.1', '-validity', '3650']
    await run('keytool', ['-genkeypair', '-keyalg', 'EC', '-storetype', 'PKCS12', ...subject, ...store])
    await run('keytool', ['-exportcert', '-rfc', '-file', join(folder, 'ca.pem'), ...store])
  }
  return { keyStore: join(folder, 'broker.p12'), password, ca: await readFile(join(folder, 'ca.pem'), 'utf8') }
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

/** None where there is no folder. */
const filesOf = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => [])

async function isFetched(folder: string): Promise<boolean> {
  const files = await filesOf(folder)
  return files.some((name) => name.startsWith('kafka_2.13-'))
}

async function works(command: string, args: readonly string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  )
}
