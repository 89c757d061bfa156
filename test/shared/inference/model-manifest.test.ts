/** The model manifest: what is accepted is what the published JSON Schema says, and what test/golden/manifests.json tells both languages. */
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { modelManifestJsonSchema, modelManifestSchema, readModel } from '../../../shared/inference/model-manifest.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const read = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'))

type Json = Record<string, unknown>

interface Golden {
  readonly detector: Json
  readonly embedder: Json
  /** A manifest with the values at some paths set, or without them; it fits, or it does not. */
  readonly cases: readonly {
    readonly of: 'detector' | 'embedder'
    readonly name: string
    readonly fits: boolean
    readonly set?: Json
    readonly remove?: readonly string[]
  }[]
  /** Files that are no manifest as a whole. */
  readonly texts: readonly { readonly name: string; readonly text: string }[]
}

const golden = read('test/golden/manifests.json') as Golden
const published = read('docs/model-manifest.schema.json')
const validate = new Ajv2020({ strict: false }).compile(published as object)

function changed({ of, set = {}, remove = [] }: Golden['cases'][number]): Json {
  const manifest = structuredClone(golden[of])
  for (const path of [...Object.keys(set), ...remove]) {
    const keys = path.split('/')
    const last = keys.pop()!
    const at = keys.reduce((value, key) => value[key] as Json, manifest)
    if (path in set) at[last] = set[path]
    else delete at[last]
  }
  return manifest
}

test('the published schema in docs/ is the one of the code', () => {
  expect(published, 'run: npm run generate').toEqual(modelManifestJsonSchema())
})

describe('every model that comes with the project fits', () => {
  const manifests = globSync('models/*/manifest.json', { cwd: root })
  test.each(manifests)('%s', (path) => {
    expect(validate(read(path)), JSON.stringify(validate.errors)).toBe(true)
  })
  test('there are some', () => expect(manifests.length).toBeGreaterThanOrEqual(4))
})

describe('the code and the published schema agree', () => {
  test.each(golden.cases)('$of: $name: fits: $fits', (one) => {
    const manifest = changed(one)
    expect(modelManifestSchema.safeParse(manifest).success).toBe(one.fits)
    expect(validate(manifest)).toBe(one.fits)
  })

  test.each(golden.texts)('$name is no manifest', async ({ text }) => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    await writeFile(join(folder, 'manifest.json'), text)
    await expect(readModel(folder)).rejects.toMatchObject({ code: 'MODEL_CONTRACT' })
  })
})
