/** The commands about models as a user meets them, and where the networks of the others run. */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { runCli } from '../harness/cli.ts'
import { embedderFile, fixedAnswers, smallInput } from '../harness/networks.ts'
import { writeProducts } from '../harness/pictures.ts'

let root: string
let models: string

const input = smallInput
const manifest = {
  detector: {
    name: 'finder',
    input,
    output: { kind: 'boxes', boxes: 'boxes', units: 'fraction' },
    defaults: { scoreThreshold: 0.5 },
  },
  embedder: {
    name: 'tower',
    input,
    output: { kind: 'embedding', name: 'vector', dimension: 768 },
    defaults: { scoreThreshold: 0.5 },
  },
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sightline-'))
  models = join(root, 'models')
  const files = { detector: join(root, 'd.onnx'), embedder: join(root, 'e.onnx'), manifest: join(root, 'pair.json') }
  await writeFile(files.detector, fixedAnswers([{ name: 'boxes', dims: [1, 6], values: [0, 0, 1, 1, 0.9, 0] }]))
  await writeFile(files.embedder, embedderFile())
  await writeFile(files.manifest, JSON.stringify(manifest))
  const given = Object.entries(files).flatMap(([name, path]) => [`--${name}`, path])
  const added = await runCli('models', 'add', ...given, '--models', models, '--use', '--json')
  expect(added.json()).toEqual([{ models, names: ['finder', 'tower'], state: 'registered', inUse: true }])
})

describe.each(['pull', 'add', 'use', 'remove', 'list', 'verify'])('models %s', (name) => {
  test('--help shows an example', async () => {
    const { code, out } = await runCli('models', name, '--help')
    expect(code).toBe(0)
    expect(out).toContain(`Example: sightline models ${name}`)
  })
})

test.each([
  [['models', 'pull'], 'which models? There are: pp-shituv2'],
  [['models', 'pull', 'yolo'], 'which models? There are: pp-shituv2'],
  [['models', 'use'], 'which models?'],
  [['models', 'remove'], 'which model?'],
  [['models', 'add'], '--manifest is missing'],
  [['models', 'pull', 'pp-shituv2', '--url-base', 'ftp://mirror'], "'ftp://mirror' is no address"],
])('%j is wrong usage', async (words, message) => {
  const python = join(root, 'python')
  await writeFile(python, '#!/bin/sh\n', { mode: 0o755 })
  const more = words[1] === 'pull' ? ['--python', python, '--to', join(root, 'none')] : []
  const { code, err } = await runCli(...words, ...more)
  expect(err).toContain(message)
  expect(code).toBe(2)
})

test('an execution provider that is not there is an error, or the fall-back that was allowed and is told', async () => {
  const labels = await writeProducts(root, 2)
  const gallery = join(root, 'products.gallery')
  const args = ['--gallery', gallery, '--models', models, '--execution-provider', 'no-such-thing']
  const build = ['gallery', 'build', '--labels', labels, '--root', root, ...args]
  const refused = await runCli(...build)
  expect(refused.code).toBe(1)
  expect(refused.err).toMatch(/onnxruntime has no no-such-thing here.*--execution-fallback/)
  const built = await runCli(...build, '--execution-fallback')
  expect(built.code).toBe(0)
  expect(built.err).toContain('asked for no-such-thing, runs on cpu')
  const seen = await runCli('recognize', join(root, 'p1.jpg'), ...args, '--execution-fallback', '--json')
  expect(seen.err.match(/runs on cpu/g)).toHaveLength(1)
  expect(seen.json()).toMatchObject([{ objects: [{ item: 'product-1' }] }])
  const verified = await runCli('models', 'verify', '--models', models, '--execution-provider', 'no-such-thing')
  expect(verified.code).toBe(1)
  expect(verified.out).toMatch(/^finder: the network can't run on no-such-thing.*\ntower: the network can't run/)
})
