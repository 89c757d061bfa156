/** Where a Qdrant gallery lies: `http(s)://HOST:6333/COLLECTION`, read and checked. */
import { SightlineError } from '../../errors/errors.ts'

const quantizations = ['scalar', 'binary'] as const

/**
 * How Qdrant compresses the vectors that it searches first, to 8 bits a value or to 1; hits are rescored with the full
 * ones. The coarser loses some of the less similar hits: measure it on the gallery's own pictures.
 */
export type Quantization = (typeof quantizations)[number]

export interface QdrantLocation {
  readonly isSecure: boolean
  readonly host: string
  readonly port: number
  /** What a reverse proxy puts before Qdrant's own paths: '' or '/…'. */
  readonly prefix: string
  readonly collection: string
  /** Of a collection that has to be made; one that is there stays as it is. */
  readonly quantization: Quantization | undefined
}

export const isQdrantLocation = (location: string): boolean => /^https?:\/\//i.test(location)

/**
 * Reads `http(s)://HOST[:PORT][/PREFIX]/COLLECTION[?quantization=scalar|binary]`; the port is 6333 where none is given.
 * Throws CONFIG_INVALID.
 */
export function readQdrantLocation(location: string): QdrantLocation {
  const url = URL.canParse(location) ? new URL(location) : undefined
  // What may be a password is not repeated.
  if (url === undefined || url.username !== '' || url.password !== '') {
    throw invalid('a Qdrant gallery', 'without a user, and with the API key given apart')
  }
  const shown = `${url.origin}${url.pathname}`
  const names = url.pathname.split('/').filter((name) => name !== '')
  const collection = decodeURIComponent(names.pop() ?? '')
  if (collection === '') throw invalid(shown, 'with the name of a collection')
  return {
    isSecure: url.protocol === 'https:',
    host: url.hostname,
    port: portOf(location, url),
    prefix: names.map((name) => `/${name}`).join(''),
    collection,
    quantization: quantizationOf(url, shown),
  }
}

const loopback = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/

/** What to tell where a location makes an API key travel as plain text to another machine; null elsewhere. */
export function plainKeyWarning(location: string, apiKey: string | undefined): string | null {
  if (apiKey === undefined || apiKey === '' || !isQdrantLocation(location)) return null
  const { isSecure, host, port } = readQdrantLocation(location)
  if (isSecure || loopback.test(host)) return null
  return `the API key of Qdrant goes to http://${host}:${port} as plain text, readable for all on the way: use https://`
}

function quantizationOf(url: URL, shown: string): Quantization | undefined {
  for (const [name, value] of url.searchParams) {
    const found = quantizations.find((one) => name === 'quantization' && one === value)
    if (found === undefined) throw invalid(shown, `and ?quantization=${quantizations.join('|')} at most`)
    return found
  }
  return undefined
}

/** A URL forgets the port that is its scheme's own, but `https://host:443/…` must not become 6333. */
function portOf(location: string, url: URL): number {
  if (url.port !== '') return Number(url.port)
  const [, given] = /^https?:\/\/[^/?#]*:(\d+)(?:[/?#]|$)/i.exec(location) ?? []
  return given === undefined ? 6333 : Number(given)
}

const invalid = (what: string, how: string): SightlineError =>
  new SightlineError('CONFIG_INVALID', `${what}: write its location as http(s)://HOST:6333/COLLECTION, ${how}`)
