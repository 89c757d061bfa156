/** The fences of the house: floors that import only what lies below them, and each technology in one place. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../', import.meta.url))

/** From the ground up. A room imports rooms of lower floors only, never its neighbours'. */
const floors: readonly (readonly string[])[] = [
  ['shared/errors'],
  ['shared/geometry'],
  ['shared/imaging', 'shared/state', 'shared/bus'],
  ['shared/contracts', 'shared/inference', 'shared/gallery'],
  ['shared/stage'],
  ['shared/dead-letters'],
  ['shared/process'],
  ['services/detector', 'services/embedder', 'services/matcher', 'views'],
  ['pipeline'],
  ['evaluation'],
  ['registry'],
  ['cli', 'demo'],
]

/** Drivers of a port lie in folders of their own below it, and know nothing of each other. */
const drivers = ['shared/bus/memory', 'shared/bus/kafka', 'shared/gallery/sqlite', 'shared/gallery/qdrant']

const packages: Readonly<Record<string, string>> = Object.fromEntries(
  globSync('{shared,pipeline,views,evaluation,registry,cli,demo,services/*}/package.json', { cwd: root }).map(
    (path) => [(JSON.parse(readFileSync(join(root, path), 'utf8')) as { name: string }).name, dirname(path)],
  ),
)

const sources = globSync('{shared,services,pipeline,views,evaluation,registry,cli,demo}/**/*.{ts,mjs}', {
  cwd: root,
  exclude: (name) => name === 'node_modules',
}).filter((path) => !path.includes('/gen/'))

interface Import {
  readonly from: string
  /** A path from the root for the project's own files, else as it is written. */
  readonly to: string
  readonly specifier: string
}

function importsIn(text: string, path: string): readonly Import[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, specifier = '']) => ({
    from: path,
    to: resolved(specifier, path),
    specifier,
  }))
}

function resolved(specifier: string, path: string): string {
  if (specifier.startsWith('.')) return normalize(join(dirname(path), specifier))
  const own = Object.entries(packages).find(([name]) => specifier.startsWith(`${name}/`))
  return own === undefined ? specifier : own[1] + specifier.slice(own[0].length)
}

const imports = sources.flatMap((path) => importsIn(readFileSync(join(root, path), 'utf8'), path))

/** `shared/bus` of `shared/bus/kafka/kafka-bus.ts`, `cli` of `cli/main.ts`; undefined for what is not ours. */
function roomOf(path: string): string | undefined {
  const [first = '', second = ''] = path.split('/')
  const room = ['shared', 'services'].includes(first) ? `${first}/${second}` : first
  return floors.flat().includes(room) ? room : undefined
}

const floorOf = (room: string): number => floors.findIndex((rooms) => rooms.includes(room))

/** Why an import is not allowed; null where it is. */
function trespass({ from, to, specifier }: Import): string | null {
  const [here, there] = [roomOf(from), roomOf(to)]
  if (here === undefined) return `${from} is in no room: give its folder a floor in test/architecture.test.ts`
  if (there === undefined)
    return /^(\.|@sightline\/|sightline-cli)/.test(specifier) ? `${from} imports ${specifier}` : null
  if (here !== there) {
    const isPath = specifier.startsWith('.') && here.split('/')[0] !== 'shared'
    if (isPath) return `${from} reaches ${there} by a path, not by its name`
    return floorOf(there) < floorOf(here) ? null : `${from} imports ${to}, which is not below it`
  }
  const [own, other] = [
    drivers.find((one) => from.startsWith(`${one}/`)),
    drivers.find((one) => to.startsWith(`${one}/`)),
  ]
  if (own !== undefined && other !== undefined && own !== other) return `${from} imports another driver, ${to}`
  return null
}

const importersOf = (pattern: RegExp): readonly string[] => [
  ...new Set(imports.filter(({ specifier }) => pattern.test(specifier)).map(({ from }) => from)),
]

const filesWith = (pattern: RegExp): readonly string[] =>
  sources.filter((path) => pattern.test(readFileSync(join(root, path), 'utf8')))

test('there are sources to check, on every floor', () => {
  for (const room of floors.flat())
    expect(
      sources.some((path) => path.startsWith(`${room}/`)),
      room,
    ).toBe(true)
})

describe('floors', () => {
  test('a room imports only what lies below it', () => {
    expect(imports.flatMap((one) => trespass(one) ?? [])).toEqual([])
  })

  test.each([
    ['up a floor', 'shared/errors/errors.ts', '../bus/bus.ts'],
    ['a neighbour', 'services/detector/main.ts', '@sightline/matcher/decide.ts'],
    ['what the command line is made of', 'demo/main.ts', '../cli/command.ts'],
    ['another driver', 'shared/bus/memory/memory-bus.ts', '../kafka/kafka-errors.ts'],
    ['another package by a path', 'pipeline/pipeline.ts', '../shared/bus/bus.ts'],
    ['from a folder without a floor', 'sheds/tool.ts', '@sightline/shared/bus/bus.ts'],
  ])('an import of %s would be told', (_what, from, specifier) => {
    const [one] = importsIn(`import { thing } from '${specifier}'`, from)
    expect(trespass(one!)).not.toBeNull()
  })

  test('no file reaches another in a circle', () => {
    const below = Map.groupBy(imports, ({ from }) => from)
    const done = new Set<string>()
    const circles: string[] = []
    const visit = (path: string, way: readonly string[]): void => {
      if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' -> '))
      if (done.has(path) || way.includes(path)) return
      for (const { to } of below.get(path) ?? []) visit(to, [...way, path])
      done.add(path)
    }
    for (const path of sources) visit(path, [])
    expect(circles).toEqual([])
  })

  test('a port does not know its drivers, but for the file that opens one', () => {
    const knowing = imports.filter(
      ({ from, to }) =>
        drivers.some((driver) => to.startsWith(`${driver}/`) && !from.startsWith(`${driver}/`)) &&
        roomOf(from) === roomOf(to) &&
        !/\/open-[a-z]+\.ts$/.test(from),
    )
    expect(knowing.map(({ from, to }) => `${from} imports ${to}`)).toEqual([])
  })
})

test('what the command line is made of stays in it', () => {
  const outside = sources.filter((path) => !path.startsWith('cli/'))
  const naming = outside.filter((path) => /\b(Values|Terminal)\b/.test(readFileSync(join(root, path), 'utf8')))
  expect(naming).toEqual([])
})

describe('each technology is imported in one file', () => {
  test.each([
    ['onnxruntime-node', /^onnxruntime-node$/],
    ['kafkajs', /^kafkajs$/],
    ['@qdrant/js-client-rest', /^@qdrant\//],
    ['ioredis', /^ioredis$/],
    ['prom-client', /^prom-client$/],
    ['node:sqlite', /^node:sqlite$/],
    ['usearch', /^usearch$/],
    ['pino', /^pino$/],
    ['cli-progress', /^cli-progress$/],
    ['tar-stream', /^tar-stream$/],
    ['@imagemagick/magick-wasm', /^@imagemagick\//],
    ['harfbuzzjs', /^harfbuzzjs$/],
  ])('%s', (_name, pattern) => {
    expect(importersOf(pattern).length).toBeLessThanOrEqual(1)
  })

  test('sharp decodes and encodes in shared/imaging, and draws in views and demo', () => {
    expect(importersOf(/^sharp$/).filter((path) => !/^(shared\/imaging|views|demo)\//.test(path))).toEqual([])
  })
})

// onnxruntime's telemetry has no other switch than a variable, and library users, who have no main of ours, need it as well.
test('the process and its environment are touched only where a program starts, and to keep onnxruntime silent', () => {
  const allowed =
    /^(services\/[^/]+\/main\.ts|cli\/main\.ts|demo\/main\.ts|cli\/bin\/|shared\/process\/run-process\.ts|shared\/inference\/onnxruntime-telemetry\.ts)/
  expect(filesWith(/process\.(env|exit)\b/).filter((path) => !allowed.test(path))).toEqual([])
})
