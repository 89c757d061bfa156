/** The settings of everything that talks to Kafka: services and command line alike. */
import type { KafkaConnection } from '../bus/kafka/kafka-options.ts'
import { SightlineError } from '../errors/errors.ts'
import { type Environment, readSettings, type SettingValues, take } from './settings.ts'

export const kafkaSettings = {
  kafkaBrokers: {
    schema: take.list().default(['localhost:9092']),
    help: 'brokers to start from, host:port, by commas',
  },
  kafkaClientId: { schema: take.text().default('sightline'), help: "name in the brokers' logs and quotas" },
  kafkaTls: { schema: take.switch().default(false), help: 'encrypt the connection' },
  kafkaTlsCa: { schema: take.text().optional(), help: 'PEM file of the authority that signed the brokers (TLS)' },
  kafkaTlsCert: { schema: take.text().optional(), help: 'PEM file of the client certificate (TLS)' },
  kafkaTlsKey: { schema: take.text().optional(), help: 'PEM file of its key (TLS)' },
  kafkaSaslMechanism: {
    schema: take.choice(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
    help: 'log in with plain, scram-sha-256 or scram-sha-512',
  },
  kafkaSaslUsername: { schema: take.text().optional(), help: 'user to log in' },
  kafkaSaslPassword: { schema: take.text().optional(), help: 'password to log in', isSecret: true },
  topicPrefix: {
    schema: take.text().default(''),
    help: 'in front of the topics, for deployments that share a cluster',
  },
} as const

export type KafkaValues = SettingValues<typeof kafkaSettings>

/**
 * How to reach the cluster; reads the certificate files.
 *
 * @throws CONFIG_INVALID where settings do not go together; what `readFile` throws, as CONFIG_INVALID naming the file.
 */
export async function kafkaConnection(
  values: KafkaValues,
  readFile: (path: string) => Promise<string>,
): Promise<KafkaConnection> {
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username, kafkaSaslPassword: password } = values
  if (mechanism !== undefined && (username === undefined || password === undefined)) {
    throw invalid(
      'SIGHTLINE_KAFKA_SASL_MECHANISM needs SIGHTLINE_KAFKA_SASL_USERNAME and SIGHTLINE_KAFKA_SASL_PASSWORD',
    )
  }
  const pem = async (name: string, path: string | undefined): Promise<Record<string, string>> => {
    if (path === undefined) return {}
    const text = await readFile(path).catch((cause: unknown) => {
      throw new SightlineError('CONFIG_INVALID', `the PEM file ${path} can't be read`, { cause })
    })
    return { [name]: text }
  }
  const files = {
    ...(await pem('ca', values.kafkaTlsCa)),
    ...(await pem('cert', values.kafkaTlsCert)),
    ...(await pem('key', values.kafkaTlsKey)),
  }
  if (!values.kafkaTls && Object.keys(files).length > 0)
    throw invalid('certificates are given, but SIGHTLINE_KAFKA_TLS is not true')
  return {
    brokers: values.kafkaBrokers,
    clientId: values.kafkaClientId,
    ...(values.kafkaTls ? { tls: files } : {}),
    ...(mechanism !== undefined && username !== undefined && password !== undefined
      ? { sasl: { mechanism, username, password } }
      : {}),
  }
}

/** For programs that need nothing else: the settings of Kafka, read from the environment. */
export async function readKafkaSettings(
  environment: Environment,
  readFile: (path: string) => Promise<string>,
): Promise<{ readonly connection: KafkaConnection; readonly topicPrefix: string }> {
  const values = await readSettings(kafkaSettings, environment, readFile)
  return { connection: await kafkaConnection(values, readFile), topicPrefix: values.topicPrefix }
}

const invalid = (message: string): SightlineError => new SightlineError('CONFIG_INVALID', message)
