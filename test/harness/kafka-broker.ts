/** A real single-node Kafka broker (KRaft) for tests: starts on free ports, can be killed and started again on its data. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Child, startChild } from './child.ts'
import { freePorts } from './free-port.ts'
import { kafkaJars, type TestCertificate, testCertificate } from './kafka-jars.ts'

const run = promisify(execFile)
const logConfig = join(import.meta.dirname, 'kafka', 'log4j2.properties')
const readyWithinMs = 60_000

export interface KafkaBrokerOptions {
  /** Where a proxy will listen for clients of `proxied.target`; they are told to come back to the proxy. */
  readonly proxyPort?: number
  /** Settings of the broker that differ from the tests' own. */
  readonly properties?: Readonly<Record<string, string | number>>
}

export interface KafkaBroker extends AsyncDisposable {
  /** `host:port`, the same over all restarts. */
  readonly address: string
  /** The same broker over TLS, for clients that log in: user `sightline`, PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. */
  readonly secureAddress: string
  /** The certificate of `secureAddress`, PEM. */
  readonly ca: string
  /** Where the proxy on `proxyPort` forwards to; 0 without one. */
  readonly proxyTarget: number
  /** Its process, until it is started again. */
  readonly pid: number
  /** Ends the process at once, as a power cut of the process would. */
  kill(): Promise<void>
  /** Starts again on the same data and ports; resolves when it answers. */
  start(): Promise<void>
}

/** The password of user `sightline` on `secureAddress`. */
export const testPassword = 'test-password-0815'

export async function startKafkaBroker({ proxyPort, properties }: KafkaBrokerOptions = {}): Promise<KafkaBroker> {
  const jars = await kafkaJars()
  const certificate = await testCertificate()
  const folder = await mkdtemp(join(tmpdir(), 'sightline-kafka-'))
  const [port, securePort, controllerPort, proxyTarget] = (await freePorts(4)) as [number, number, number, number]
  const config = join(folder, 'server.properties')
  const listeners: readonly Listener[] = [
    { name: 'PLAINTEXT', port, advertised: port },
    { name: 'SECURE', port: securePort, advertised: securePort, protocol: 'SASL_SSL' },
    ...(proxyPort === undefined ? [] : [{ name: 'PROXIED', port: proxyTarget, advertised: proxyPort }]),
  ]
  await writeFile(config, serverProperties(folder, listeners, controllerPort, certificate, properties))
  const scram = [256, 512].flatMap((bits) => [
    '--add-scram',
    `SCRAM-SHA-${bits}=[name=sightline,password=${testPassword}]`,
  ])
  const classPath = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${jars}/*`]
  await run('java', [...classPath, 'kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', config, ...scram])

  let child: Child | undefined
  const start = async () => {
    const memory = ['-Xms256m', '-Xmx256m', `-Dlog4j2.configurationFile=${logConfig}`]
    child = await startChild('java', [...memory, ...classPath, 'kafka.Kafka', config])
    await ready(port, child)
  }
  const kill = async () => {
    child?.signal('SIGKILL')
    await child?.exited
  }
  await start()
  return {
    address: `127.0.0.1:${port}`,
    secureAddress: `127.0.0.1:${securePort}`,
    ca: certificate.ca,
    proxyTarget: proxyPort === undefined ? 0 : proxyTarget,
    get pid() {
      return child!.pid
    },
    kill,
    start,
    [Symbol.asyncDispose]: async () => {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

interface Listener {
  readonly name: string
  readonly port: number
  readonly advertised: number
  readonly protocol?: string
}

/** Small and quick: short sessions, few internal partitions, no delay before a first rebalance. */
function serverProperties(
  folder: string,
  clients: readonly Listener[],
  controllerPort: number,
  tls: TestCertificate,
  own: KafkaBrokerOptions['properties'] = {},
): string {
  const at = (name: string, port: number) => `${name}://127.0.0.1:${port}`
  const protocols = clients.map(({ name, protocol }) => `${name}:${protocol ?? 'PLAINTEXT'}`)
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_sightline="${testPassword}";`
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: [...clients.map(({ name, port }) => at(name, port)), at('CONTROLLER', controllerPort)].join(','),
    'advertised.listeners': clients.map(({ name, advertised }) => at(name, advertised)).join(','),
    'listener.security.protocol.map': [...protocols, 'CONTROLLER:PLAINTEXT'].join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.secure.plain.sasl.jaas.config': plain,
    'listener.name.secure.scram-sha-256.sasl.jaas.config': scram,
    'listener.name.secure.scram-sha-512.sasl.jaas.config': scram,
    'listener.name.secure.ssl.keystore.location': tls.keyStore,
    'listener.name.secure.ssl.keystore.password': tls.password,
    'listener.name.secure.ssl.keystore.type': 'PKCS12',
    'log.dirs': join(folder, 'data'),
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
    ...own,
  }
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

export function clusterId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? clusterId() : id
}

/** A bare connect is not enough: the broker is ready when it answers an ApiVersions request without an error. */
export async function ready(port: number, child: Child): Promise<void> {
  let running = true
  void child.exited.then(() => {
    running = false
  })
  for (const end = Date.now() + readyWithinMs; running && Date.now() < end; ) {
    if (await answersApiVersions(port)) return
    await sleep(50)
  }
  throw new Error(`the Kafka broker ${running ? 'is not ready' : 'ended'}:\n${child.output()}`)
}

/** ApiVersions (key 18) version 0, correlation id 1, no client id; the answer's error code stands at byte 8. */
const apiVersionsRequest = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])

function answersApiVersions(port: number): Promise<boolean> {
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
