/** What goes wrong most often, as a user meets it: one line, in which nothing stands twice. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCli } from '../harness/cli.ts'
import { freePorts } from '../harness/free-port.ts'
import { product } from '../harness/pictures.ts'

const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
const [away] = await freePorts(1)

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, content)
  return path
}

const [picture, gallery, manifest] = await Promise.all([
  write('a.jpg', await product(0)),
  write('gallery/gallery.sqlite', 'not a database'),
  write('model/manifest.json', '{}'),
])

/** The parts of a text that stand in it more than once; names of one word may. */
function repeated(text: string): readonly string[] {
  const parts = text.split(/[:;,.()]+(?:\s+|$)/).filter((part) => part.includes(' '))
  return parts.filter((part, index) => parts.indexOf(part) !== index)
}

test('a part that stands there twice would be told', () => {
  expect(repeated('managing topics: no broker a: 1 at b; no broker a: tried')).toEqual(['no broker a'])
})

const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no broker', ['topics', 'list', '--brokers', `127.0.0.1:${away}`], /ECONNREFUSED/],
  ['no broker to read from', ['watch', '--brokers', `127.0.0.1:${away}`], /ECONNREFUSED/],
  ['no broker of dead letters', ['dlq', 'list', '--brokers', `127.0.0.1:${away}`], /ECONNREFUSED/],
  ['no broker to publish to', ['publish', picture!, '--camera', 'a', '--brokers', `localhost:${away}`], /ECONNREFUSED/],
  ['a host that is not there', ['topics', 'list', '--brokers', 'nowhere.invalid:9092'], /nowhere\.invalid/],
  ['no models folder', ['models', 'list', '--models', join(folder, 'nowhere')], /models folder/],
  ['a folder that is no model', ['models', 'verify', 'model', '--models', folder], /does not fit/],
  ['a manifest that does not fit', ['models', 'add', '--manifest', manifest!, '--embedder', picture!], /manifest/],
  [
    'a list that is not there',
    ['eval', '--gallery-list', '/nowhere', '--query-list', '/nowhere', '--root', '/'],
    /ENOENT/,
  ],
  [
    'a label file that is not there',
    ['gallery', 'build', '--labels', '/nowhere', '--root', '/', '--gallery', 'g'],
    /ENOENT/,
  ],
  ['a gallery that is damaged', ['gallery', 'list', '--gallery', join(gallery!, '..')], /database/],
  ['a gallery that is not there', ['gallery', 'list', '--gallery', join(folder, 'nowhere')], /gallery build/],
  ['a Qdrant that is away', ['gallery', 'list', '--gallery', `http://127.0.0.1:${away}/products`], /ECONNREFUSED/],
  ['an option that there is not', ['recognize', picture!, '--treshold', '1'], /--treshold/],
]

test.concurrent.each(cases)('%s is told once', { timeout: 60_000 }, async (_what, words, reason) => {
  const { code, out, err } = await runCli(...words)
  expect(code).not.toBe(0)
  const lines = (out + err).trim().split('\n')
  const told = lines.filter((line) => reason.test(line))
  expect(told, out + err).toHaveLength(1)
  expect(lines.flatMap(repeated), out + err).toEqual([])
  // What a validator or a client made for programs is not for people.
  expect(out + err).not.toMatch(/\[ ?\{|^\s+at /m)
})
