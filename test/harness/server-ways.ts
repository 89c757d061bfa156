/**
 * How a run of the tests gets Kafka, Redis and Qdrant: in containers of exactly the images of docker-compose.yml where a
 * Docker on this machine has them or can pull them, else as processes of this machine. SIGHTLINE_TEST_SERVERS decides
 * otherwise: docker, local, or for some of them, as kafka=local,redis=docker.
 */
import { readCompose, type Variables } from '../deploy/compose-file.ts'
import { fetchImage, noDocker } from './container.ts'

export const serverNames = ['kafka', 'redis', 'qdrant'] as const
export type ServerName = (typeof serverNames)[number]
type Way = 'docker' | 'local'

const variable = 'SIGHTLINE_TEST_SERVERS'
/** What a server is without Docker. */
const localForm = { kafka: 'from its jars', redis: 'redis-server', qdrant: 'its engine' } as const

/** Names a server that all tests share instead; those of single tests, to be killed, are still of the run's own. */
const given = { kafka: 'KAFKA_BROKERS', redis: 'REDIS_URL', qdrant: 'QDRANT_URL' } as const

/** The image of docker-compose.yml, under the variables that the file knows. */
export const imageOf = (name: ServerName): string => readCompose(process.env as Variables).services[name]!.image

/** As the run has decided. Outside of one (bench/) servers are processes unless the variable says otherwise. */
export const isInContainer = (name: ServerName): boolean => wished(process.env[variable]).get(name) === 'docker'

/** Decides for this process and those that it starts, and says how in one line. Rejects where what was asked for can't be. */
export async function decideServers(): Promise<string> {
  const wishes = wished(process.env[variable])
  const isAsked = serverNames.some((name) => wishes.get(name) !== 'local')
  const missing = isAsked ? await noDocker() : null
  const ways: string[] = []
  const texts: string[] = []
  for (const name of serverNames) {
    const image = imageOf(name)
    const wish = wishes.get(name)
    const problem = wish === 'local' ? variable : (missing ?? (await fetchImage(image)))
    if (wish === 'docker' && problem !== null) throw new Error(`${variable} asks for ${image}: ${problem}`)
    ways.push(`${name}=${problem === null ? 'docker' : 'local'}`)
    const form = problem === null ? `in Docker (${image})` : `${localForm[name]} (${problem})`
    texts.push(given[name] in process.env ? `${name} ${given[name]}, of single tests ${form}` : `${name} ${form}`)
  }
  process.env[variable] = ways.join(',')
  return `servers of the tests: ${texts.join(', ')}`
}

/** What the variable says of each server; nothing of those that it leaves open. */
function wished(text: string | undefined): ReadonlyMap<ServerName, Way> {
  const words = (text ?? '').split(',').filter((word) => word !== '')
  return new Map(
    words.flatMap((word) => {
      const [, name, way] = /^(?:(kafka|redis|qdrant)=)?(docker|local)$/.exec(word) ?? []
      if (way === undefined) throw new Error(`${variable}=${text}: docker, local, or as kafka=local,redis=docker`)
      return (name === undefined ? serverNames : [name as ServerName]).map((one) => [one, way as Way] as const)
    }),
  )
}
