/** Reads docker-compose.yml the way `docker compose` does: variables filled in, anchors merged, override files on top. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export const root = join(import.meta.dirname, '..', '..')

export interface ComposeService {
  readonly image: string
  readonly build?: {
    readonly context: string
    readonly dockerfile: string
    readonly target?: string
    readonly args?: Record<string, string>
  }
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number | boolean | null>>
  readonly profiles?: readonly string[]
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string; readonly required?: boolean }>>
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean }
  readonly restart?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly pull_policy?: string
  readonly attach?: boolean
  readonly tmpfs?: readonly string[]
  readonly secrets?: readonly (string | { readonly source: string; readonly target: string })[]
  readonly logging?: { readonly driver: string; readonly options: Readonly<Record<string, string>> }
  readonly deploy?: { readonly resources?: { readonly limits?: { readonly memory?: string } } }
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly volumes: Readonly<Record<string, object>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}

export type Variables = Readonly<Record<string, string>>

/** The file as `docker compose -f … -f …` sees it with these variables in its environment. */
export function readCompose(variables: Variables = {}, files = ['docker-compose.yml']): ComposeFile {
  const documents = files.map((file) => fill(parse(readFileSync(join(root, file), 'utf8'), { merge: true }), variables))
  return documents.reduce(merge) as ComposeFile
}

/** Texts become numbers where the specification wants some. */
const numbers = new Set(['replicas', 'count'])

/** Variables are filled into the values of the parsed file, so what they hold can't change its structure. */
function fill(value: unknown, variables: Variables): unknown {
  if (typeof value === 'string') return fillText(value, variables)
  if (Array.isArray(value)) return value.map((part) => fill(part, variables))
  if (!isMapping(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => {
      const filled = fill(part, variables)
      return [name, numbers.has(name) ? Number(filled) : filled]
    }),
  )
}

/** `${NAME:-default}` and `${NAME:+instead}`: an empty variable counts as none. `$$` is a `$`; one of any other form is an error. */
function fillText(text: string, variables: Variables): string {
  const form = /\$(?:\$|\{([A-Z][A-Z0-9_]*):([-+])([^}]*)\})?/g
  return text.replaceAll(form, (found, name?: string, kind?: string, word = '') => {
    if (found === '$$') return '$'
    if (name === undefined) throw new Error(`a '${found}' that is no \${NAME:-default}`)
    const value = variables[name] ?? ''
    return kind === '+' ? (value === '' ? '' : word) : value === '' ? word : value
  })
}

/** Mappings are merged, all else is replaced. */
function merge(below: unknown, above: unknown): unknown {
  if (!isMapping(below) || !isMapping(above)) return above
  const names = new Set([...Object.keys(below), ...Object.keys(above)])
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      name in above ? (name in below ? merge(below[name], above[name]) : above[name]) : below[name],
    ]),
  )
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
