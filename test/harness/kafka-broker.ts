/** A real single-node Kafka broker (KRaft) for tests, in a container or from its jars: can be killed and started again on its data. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inContainer } from './container.ts'
import { freePorts } from './free-port.ts'
import { kafkaJars, type TestCertificate, testCertificate } from './kafka-jars.ts'
import { inProcess, type Launch, openServer, type Server } from './server.ts'
import { imageOf, isInContainer } from './server-ways.ts'

const run = promisify(execFile)
const logConfig = join(import.meta.dirname, 'kafka', 'log4j2.properties')
/** A test's broker is small and lives for a minute: the quick compiler and the small collector suit it. */
const javaOptions = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const heap = ['-Xms256m', '-Xmx256m']

export interface KafkaBrokerOptions {
  /** Where a proxy will listen for clients of `proxied.target`; they are told to come back to the proxy. */
  readonly proxyPort?: number
  /** It also listens on `secure`, which needs a keytool on this machine. @default false */
  readonly isSecure?: boolean
  /** Settings of the broker that differ from the tests' own. */
  readonly properties?: Readonly<Record<string, string | number>>
}

export interface KafkaBroker extends Server {
  /** `host:port`, the same over all restarts. */
  readonly address: string
  /** The same broker over TLS, for clients that log in: user `sightline`, PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. */
  readonly secure: {
    readonly address: string
    /** Its certificate, PEM. */
    readonly ca: string
  } | null
  /** Where the proxy on `proxyPort` forwards to; 0 without one. */
  readonly proxyTarget: number
}

/** The password of user `sightline` on `secure`. */
export const testPassword = 'test-password-0815'

export async function startKafkaBroker(options: KafkaBrokerOptions = {}): Promise<KafkaBroker> {
  const { proxyPort, isSecure = false, properties = {} } = options
  const certificate = isSecure ? await testCertificate() : null
  const [port, securePort, controllerPort, proxyTarget] = (await freePorts(4)) as [number, number, number, number]
  const plan: Plan = {
    listeners: [
      { name: 'PLAINTEXT', port, advertised: port },
      ...(isSecure ? [{ name: 'SECURE', port: securePort, advertised: securePort, protocol: 'SASL_SSL' }] : []),
      ...(proxyPort === undefined ? [] : [{ name: 'PROXIED', port: proxyTarget, advertised: proxyPort }]),
    ],
    controllerPort,
    clusterId: clusterId(),
    certificate,
    properties,
  }
  const launch = isInContainer('kafka') ? await imageLaunch(plan) : await jarsLaunch(plan)
  return {
    ...(await openServer('the Kafka broker', launch, () => answersApiVersions(port))),
    address: `127.0.0.1:${port}`,
    secure: certificate === null ? null : { address: `127.0.0.1:${securePort}`, ca: certificate.ca },
    proxyTarget: proxyPort === undefined ? 0 : proxyTarget,
  }
}

/** What is the same wherever the broker runs. */
interface Plan {
  readonly listeners: readonly Listener[]
  readonly controllerPort: number
  readonly clusterId: string
  readonly certificate: TestCertificate | null
  readonly properties: Readonly<Record<string, string | number>>
}

/** Where it runs: the address it listens on, its folder of data, its key store. */
interface Place {
  readonly host: string
  readonly data: string
  readonly keyStore: string
}

async function jarsLaunch(plan: Plan): Promise<Launch> {
  const jars = await kafkaJars()
  const folder = await mkdtemp(join(tmpdir(), 'sightline-kafka-'))
  const config = join(folder, 'server.properties')
  const place = { host: '127.0.0.1', data: join(folder, 'data'), keyStore: plan.certificate?.keyStore ?? '' }
  await writeFile(config, serverProperties(plan, place))
  const java = [...javaOptions, '-cp', `${jars}/*`]
  await run('java', [...java, ...formatCommand(config, plan)])
  return inProcess(folder, 'java', [...heap, `-Dlog4j2.configurationFile=${logConfig}`, ...java, 'kafka.Kafka', config])
}

/** The image formats its data itself, but can't be told of users: where there are some it is done before. */
async function imageLaunch(plan: Plan): Promise<Launch> {
  const config = '/mnt/shared/config/server.properties'
  const place = { host: '0.0.0.0', data: '/var/lib/kafka/data', keyStore: '/tmp/broker.p12' }
  const files: { content: string | Buffer; target: string }[] = [
    { content: serverProperties(plan, place), target: config },
  ]
  if (plan.certificate !== null)
    files.push({ content: await readFile(plan.certificate.keyStore), target: place.keyStore })
  const format = ['java', '-cp', '/opt/kafka/libs/*', ...formatCommand(config, plan), '--ignore-formatted']
  const start = `${format.map((word) => `'${word}'`).join(' ')} && exec /etc/kafka/docker/run`
  return inContainer({
    image: imageOf('kafka'),
    ports: plan.listeners.map(({ port }) => ({ container: port, host: port })),
    environment: {
      CLUSTER_ID: plan.clusterId,
      KAFKA_HEAP_OPTS: heap.join(' '),
      KAFKA_JVM_PERFORMANCE_OPTS: javaOptions.join(' '),
    },
    ...(plan.certificate === null ? {} : { command: ['sh', '-c', start] }),
    files,
  })
}

/** Kafka's own tool, with the user of the secure listener. */
function formatCommand(config: string, { certificate, clusterId: id }: Plan): readonly string[] {
  const users = [256, 512].flatMap((bits) => [
    '--add-scram',
    `SCRAM-SHA-${bits}=[name=sightline,password=${testPassword}]`,
  ])
  const format = ['kafka.tools.StorageTool', 'format', '-t', id, '-c', config]
  return certificate === null ? format : [...format, ...users]
}

interface Listener {
  readonly name: string
  readonly port: number
  readonly advertised: number
  readonly protocol?: string
}

/** Small and quick: short sessions, few internal partitions, no delay before a first rebalance. */
function serverProperties(plan: Plan, { host, data, keyStore }: Place): string {
  const { listeners, controllerPort, certificate, properties } = plan
  const protocols = listeners.map(({ name, protocol }) => `${name}:${protocol ?? 'PLAINTEXT'}`)
  const all = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: [
      ...listeners.map(({ name, port }) => `${name}://${host}:${port}`),
      `CONTROLLER://127.0.0.1:${controllerPort}`,
    ].join(','),
    'advertised.listeners': listeners.map(({ name, advertised }) => `${name}://127.0.0.1:${advertised}`).join(','),
    'listener.security.protocol.map': [...protocols, 'CONTROLLER:PLAINTEXT'].join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    ...(certificate === null ? {} : secureProperties(keyStore, certificate.password)),
    'log.dirs': data,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'auto.create.topics.enable': false,
    // Above the 8 MiB of the frames topic: a topic of its own limit must be the one that refuses.
    'message.max.bytes': 10 * 1024 * 1024,
    'replica.fetch.max.bytes': 10 * 1024 * 1024,
    // A killed broker comes back after this, not after the default 9 s.
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 500,
    'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
    ...properties,
  }
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function secureProperties(keyStore: string, password: string): Readonly<Record<string, string>> {
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_sightline="${testPassword}";`
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.secure.plain.sasl.jaas.config': plain,
    'listener.name.secure.scram-sha-256.sasl.jaas.config': scram,
    'listener.name.secure.scram-sha-512.sasl.jaas.config': scram,
    'listener.name.secure.ssl.keystore.location': keyStore,
    'listener.name.secure.ssl.keystore.password': password,
    'listener.name.secure.ssl.keystore.type': 'PKCS12',
  }
}

export function clusterId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? clusterId() : id
}

/** ApiVersions (key 18) version 0, correlation id 1, no client id; the answer's error code stands at byte 8. */
const apiVersionsRequest = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])

/** A bare connect is not enough: the broker is ready when it answers an ApiVersions request without an error. */
export function answersApiVersions(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(apiVersionsRequest))
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(2000, () => done(false))
    socket.on('error', () => done(false))
    socket.on('close', () => done(false))
    socket.on('data', (data) => done(data.length >= 10 && data.readInt16BE(8) === 0))
  })
}
