/** Addresses of cameras and videos on the network: checked before anything opens them, and told without their passwords. */
import { extname } from 'node:path'
import { type SightlineError, usageError } from '@sightline/shared/errors/errors.ts'
import { readableExtensions } from '@sightline/shared/imaging/picture-kinds.ts'

export interface Address {
  /** As ffmpeg takes it, passwords included. */
  readonly href: string
  readonly scheme: string
  readonly host: string
  /** A camera, whose frames are gone when nobody takes them; else a file on a server. */
  readonly isLive: boolean
  /** The address for people to read: passwords are `***`. */
  readonly shown: string
  /** The same for any text that may hold a part of it. */
  readonly withoutSecrets: (text: string) => string
}

const addressText = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is
const schemes: ReadonlySet<string> = new Set([
  ...['rtsp', 'rtsps', 'rtmp', 'rtmps', 'http', 'https', 'srt', 'udp', 'tcp', 'rtp'],
])
const files: ReadonlySet<string> = new Set(['.mp4', '.m4v', '.mkv', '.mov', '.avi', '.webm', '.mpg', '.mpeg'])

/** What stands for itself in the middle of an address; in a user name or a password it must be written otherwise. */
const ambiguous = /[#/?@\\\s]|%(?![0-9a-f]{2})/i

/** Names of values that are secret, in a query or, as some recorders have it, in a path. */
const secretValue =
  /((?:pass|passwd|password|pwd|pw|token|secret|key|apikey|auth|sig|signature|sid|session)=)([^&\s/;]+)/gi
const userInfo = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/@]+)@/gi

export const isAddress = (path: string): boolean => addressText.test(path)

/** Throws USAGE, without the address: it may hold a password. */
export function parseAddress(text: string): Address {
  const [, given = '', rest = ''] = addressText.exec(text) ?? []
  const scheme = given.toLowerCase()
  if (!schemes.has(scheme)) {
    throw usageError(`addresses are ${[...schemes].map((one) => `${one}://`).join(', ')}, not ${scheme}://`)
  }
  const user = userOf(rest)
  const href = `${scheme}://${rest}`
  const url = URL.canParse(href) ? new URL(href) : null
  if (url === null || url.hostname === '') {
    throw usageError(`what follows ${scheme}:// is no address: ${scheme}://HOST:PORT/PATH`)
  }
  const extension = extname(url.pathname).toLowerCase()
  const isFile = scheme.startsWith('http') && (files.has(extension) || readableExtensions.has(extension))
  const secrets = secretsIn(user, rest)
  const withoutSecrets = (said: string): string => {
    const shown = said
      .replaceAll(userInfo, (_, before: string, info: string) => `${before}${hidden(info)}@`)
      .replaceAll(secretValue, '$1***')
    return secrets.reduce((left, secret) => left.replaceAll(secret, '***'), shown)
  }
  return { href, scheme, host: url.hostname, isLive: !isFile, shown: withoutSecrets(href), withoutSecrets }
}

/**
 * The user name and password of what follows `scheme://`. Where a character that ends them stands in one, an @ is left
 * over: what was meant can't be known, and a part of a password could be taken for a host or a path, and be shown.
 */
function userOf(rest: string): string {
  const authority = rest.split(/[/?#]/, 1)[0]!
  const at = rest.lastIndexOf('@')
  const hash = rest.indexOf('#')
  const isUser = authority.includes('@') || authority.includes(':') || (hash >= 0 && hash < at)
  if (at < 0 || !isUser) return ''
  const user = rest.slice(0, at)
  const wrong = ambiguous.exec(user)?.[0]
  if (wrong !== undefined) throw ambiguity(wrong)
  return user
}

function ambiguity(character: string): SightlineError {
  const encoded = `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  const name = /\s/.test(character) ? 'a space' : character
  return usageError(
    `the address has ${name} in its user name or password: write ${name} as ${encoded} (an @ behind the host as %40)`,
  )
}

/** Of `user:password` the user is shown; alone it may be a token. */
const hidden = (info: string): string => (info.includes(':') ? `${info.slice(0, info.indexOf(':'))}:***` : '***')

/** Every form in which a secret of the address may be said by whoever opens it, long ones first. */
function secretsIn(user: string, rest: string): readonly string[] {
  const raw = [user.includes(':') ? user.slice(user.indexOf(':') + 1) : user]
  for (const [, , value] of rest.matchAll(secretValue)) raw.push(value!)
  const forms = raw.flatMap((secret) => [secret, decoded(secret), encodeURIComponent(decoded(secret))])
  // A letter or two would be found in any word.
  return [...new Set(forms)].filter((form) => form.length > 2).toSorted((a, b) => b.length - a.length)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    return text
  }
}
