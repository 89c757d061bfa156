import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './compose-file.ts'
import { instructions } from './dockerfile.ts'

const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const copied = instructions('COPY')
  .filter((rest) => !rest.startsWith('--from'))
  .flatMap((rest) => rest.split(/\s+/).slice(0, -1))

test('all that is copied is there, and reaches the build', () => {
  expect(copied).toEqual(expect.arrayContaining(['package-lock.json', 'shared', 'services', 'cli', 'models']))
  for (const path of copied) {
    expect(existsSync(join(root, path)), path).toBe(true)
    expect(isIgnored(path), `${path} is in .dockerignore`).toBe(false)
  }
})

test('what convert.py imports of the project is copied beside it', () => {
  const scripts = globSync('python/convert/**/*.py', { cwd: root }).map(read)
  const imported = scripts.flatMap((text) =>
    [...text.matchAll(/^\s*(?:from|import) (sightline_\w+)/gm)].map(([, name]) => name!),
  )
  expect(imported).toContain('sightline_base')
  for (const name of new Set(imported)) {
    const [folder] = globSync(`python/*/${name}`, { cwd: root }).map((path) => dirname(path))
    expect(copied, name).toContain(folder)
  }
})

test('nothing of the machine that builds reaches the image', () => {
  for (const path of ['node_modules', 'cli/node_modules/zod/package.json', '.git', '.cache', '.env', 'out', 'test']) {
    expect(isIgnored(path), path).toBe(true)
  }
})

test('every workspace is known before its packages are installed', () => {
  const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] }
  const manifests = workspaces.flatMap((pattern) => globSync(`${pattern}/package.json`, { cwd: root }))
  expect(manifests.length).toBeGreaterThan(4)
  expect(copied).toEqual(expect.arrayContaining(manifests))
})

test('the Node.js of the image is the one of the project', () => {
  const defaults = instructions('ARG').map((rest) => rest.split('='))
  expect(defaults).toContainEqual(['NODE_VERSION', read('.nvmrc').trim()])
})

test('all that is imported is installed without the packages of development', () => {
  const sources = globSync('{shared,services,pipeline,views,evaluation,registry,cli,demo}/**/*.{ts,mjs,js}', {
    cwd: root,
    exclude: (name) => name === 'node_modules',
  })
  const missing = sources.flatMap((source) => {
    const { name, dependencies } = JSON.parse(read(manifestOf(source))) as Manifest
    return packagesOf(read(source))
      .filter((needed) => needed !== name && !(needed in dependencies))
      .map((needed) => `${source} imports ${needed}`)
  })
  // The launcher falls back on it where the system's Node.js is too old; the image's is not.
  expect(missing.filter((line) => line !== 'cli/bin/sightline.mjs imports node')).toEqual([])
})

test('both images keep onnxruntime, the one of Node.js and the one of Python, from calling its maker', () => {
  expect(instructions('ENV').map((rest) => /\bORT_DISABLE_TELEMETRY=1\b/.test(rest))).toEqual([true, true])
})

test('the image is not run as root', () => {
  expect(instructions('USER')).toEqual(['node', 'node'])
})

interface Manifest {
  readonly name: string
  readonly dependencies: Readonly<Record<string, string>>
}

/** The package.json that a file belongs to. */
function manifestOf(path: string): string {
  const manifest = join(dirname(path), 'package.json')
  return existsSync(join(root, manifest)) ? manifest : manifestOf(dirname(path))
}

/** The packages that a source imports for use; types are gone when it runs. */
function packagesOf(source: string): readonly string[] {
  const specifiers = [
    ...source.matchAll(/^\s*(?:import|export)\s(?!type\b)[^'"]*?from\s+'([^']+)'/gm),
    ...source.matchAll(/^\s*import\s+'([^']+)'/gm),
    ...source.matchAll(/(?:import|resolve|require)\('([^']+)'\)/g),
  ].map(([, specifier = '']) => specifier)
  return specifiers
    .filter((specifier) => !/^(\.|node:)/.test(specifier))
    .map((specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'))
}

/** Patterns of .dockerignore in order, the last that fits decides; a folder's rule holds for all below it. */
function isIgnored(path: string): boolean {
  const parts = path.split('/')
  const paths = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
  let ignored = false
  for (const line of read('.dockerignore').split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const pattern = line.replace(/^!/, '')
    if (paths.some((one) => fits(one, pattern))) ignored = !line.startsWith('!')
  }
  return ignored
}

/** Docker's patterns: a double star is any number of folders, `*` is within one, and also takes names that begin with a dot. */
function fits(path: string, pattern: string): boolean {
  const expression = pattern
    .replaceAll(/[.+^$()|[\]\\{}]/g, '\\$&')
    .replaceAll(/\*\*\/|\*/g, (found) => (found === '*' ? '[^/]*' : '(?:.*/)?'))
  return new RegExp(`^${expression}$`).test(path)
}
