/** The fences of the house: who may import whom, and each technology in one place. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const sources = globSync('{shared,services,cli}/**/*.{ts,mjs}', {
  cwd: root,
  exclude: (name) => name === 'node_modules',
}).filter((path) => !path.includes('/gen/'))

/** What a file imports: package names, or paths from the root for the project's own files. */
function importsOf(path: string): readonly string[] {
  const text = readFileSync(join(root, path), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, specifier = '']) =>
    specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier,
  )
}

const importersOf = (pattern: RegExp): readonly string[] =>
  sources.filter((path) => importsOf(path).some((specifier) => pattern.test(specifier)))

test('there are sources to check', () => {
  expect(sources.length).toBeGreaterThan(30)
})

describe('layers', () => {
  test.each(['detector', 'embedder', 'matcher'])(
    'the %s knows neither another service nor the command line',
    (service) => {
      const foreign = sources
        .filter((path) => path.startsWith(`services/${service}/`))
        .flatMap((path) => importsOf(path))
        .filter((specifier) => /^@sightline\/(?!shared\/)|^services\/|^cli\/|^sightline-cli/.test(specifier))
        .filter((specifier) => !specifier.startsWith(`services/${service}/`))
      expect(foreign).toEqual([])
    },
  )

  test('shared knows no service and no command line', () => {
    const foreign = sources
      .filter((path) => path.startsWith('shared/'))
      .flatMap((path) => importsOf(path))
      .filter((specifier) => /^@sightline\/|^services\/|^cli\//.test(specifier))
    expect(foreign).toEqual([])
  })

  test('the command line reaches services and shared by their names, not by paths', () => {
    const paths = sources
      .filter((path) => path.startsWith('cli/'))
      .flatMap((path) => importsOf(path))
      .filter((specifier) => /^(services|shared)\//.test(specifier))
    expect(paths).toEqual([])
  })
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
  ])('%s', (_name, pattern) => {
    expect(importersOf(pattern).length).toBeLessThanOrEqual(1)
  })

  test('sharp decodes and encodes in shared/imaging, and draws in the command line', () => {
    expect(importersOf(/^sharp$/).filter((path) => !/^(shared\/imaging|cli\/(draw|demo|report))\//.test(path))).toEqual(
      [],
    )
  })
})

test('the process and its environment are touched only where a program starts', () => {
  const allowed =
    /^(services\/[^/]+\/main\.ts|cli\/main\.ts|cli\/demo\/main\.ts|cli\/bin\/|shared\/service\/run-service\.ts)/
  const touching = sources.filter((path) => /process\.(env|exit)\b/.test(readFileSync(join(root, path), 'utf8')))
  expect(touching.filter((path) => !allowed.test(path))).toEqual([])
})
