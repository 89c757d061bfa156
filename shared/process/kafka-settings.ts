/** The settings of everything that talks to Kafka: services and command line alike. */
import type { KafkaConnection } from '../bus/kafka/kafka-options.ts'
import { SightlineError } from '../errors/errors.ts'
import { settingGroup, type ValuesOf } from './settings.ts'
import { take } from './take.ts'

export const kafkaSettings = settingGroup(
  {
    kafkaBrokers: {
      schema: take.list().default(['localhost:9092']),
      help: 'brokers to start from, host:port, by commas',
      flag: { name: 'brokers', value: 'HOST:PORT,…' },
    },
    kafkaClientId: { schema: take.text().default('sightline'), help: "name in the brokers' logs and quotas" },
    kafkaTls: { schema: take.switch().default(false), help: 'encrypt the connection' },
    kafkaTlsCa: {
      schema: take.text().optional(),
      help: 'PEM file of the authority that signed the brokers (TLS)',
      isFile: true,
    },
    kafkaTlsCert: { schema: take.text().optional(), help: 'PEM file of the client certificate (TLS)', isFile: true },
    kafkaTlsKey: { schema: take.text().optional(), help: 'PEM file of its key (TLS)', isFile: true },
    kafkaSaslMechanism: {
      schema: take.choice(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
      help: 'log in with plain, scram-sha-256 or scram-sha-512',
    },
    kafkaSaslUsername: { schema: take.text().optional(), help: 'user to log in' },
    kafkaSaslPassword: { schema: take.text().optional(), help: 'password to log in', isSecret: true },
    topicPrefix: {
      schema: take.text().default(''),
      help: 'in front of the topics, for deployments that share a cluster',
      flag: { value: 'PREFIX' },
    },
  },
  [
    {
      problem: ({ kafkaSaslMechanism: mechanism, kafkaSaslUsername: user, kafkaSaslPassword: password }) =>
        mechanism !== undefined && (user === undefined || password === undefined)
          ? '{kafkaSaslMechanism} needs {kafkaSaslUsername} and {kafkaSaslPassword}'
          : null,
    },
    {
      problem: ({ kafkaSaslMechanism: mechanism, kafkaSaslUsername: user, kafkaSaslPassword: password }) =>
        mechanism === undefined && (user !== undefined || password !== undefined)
          ? '{kafkaSaslUsername} and {kafkaSaslPassword} are of no use without {kafkaSaslMechanism}'
          : null,
    },
    {
      problem: ({ kafkaTls, kafkaTlsCa, kafkaTlsCert, kafkaTlsKey }) =>
        !kafkaTls && [kafkaTlsCa, kafkaTlsCert, kafkaTlsKey].some((path) => path !== undefined)
          ? 'certificates are given, but {kafkaTls} is not true'
          : null,
    },
    {
      problem: ({ kafkaTlsCert, kafkaTlsKey }) =>
        (kafkaTlsCert === undefined) === (kafkaTlsKey === undefined)
          ? null
          : '{kafkaTlsCert} and {kafkaTlsKey} go together',
    },
  ],
)

export type KafkaValues = ValuesOf<typeof kafkaSettings>

/**
 * How to reach the cluster; reads the certificate files.
 *
 * @throws CONFIG_INVALID naming a file that can't be read
 */
export async function kafkaConnection(
  values: KafkaValues,
  readFile: (path: string) => Promise<string>,
): Promise<KafkaConnection> {
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
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username, kafkaSaslPassword: password } = values
  return {
    brokers: values.kafkaBrokers,
    clientId: values.kafkaClientId,
    ...(values.kafkaTls ? { tls: files } : {}),
    ...(mechanism !== undefined && username !== undefined && password !== undefined
      ? { sasl: { mechanism, username, password } }
      : {}),
  }
}
