/** What can't be read costs itself alone: a file, a link, a folder, beside others that can. */
import { execFile, spawn } from 'node:child_process'
import { chmod, copyFile, mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { finish, main, runCli } from '../harness/cli.ts'
import { product, writeProducts } from '../harness/pictures.ts'

const run = promisify(execFile)
let root: string
let gallery: string
let good: string
let bad: string

/** As a user who may not read what another one keeps to himself; root reads all. */
const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all']
const canBeNobody = await run(asNobody[0]!, [...asNobody.slice(1), process.execPath, '-e', '""']).then(
  () => true,
  () => false,
)
if (!canBeNobody) process.stdout.write('not covered: files of another user (no leave to be another user)\n')

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sightline-'))
  await chmod(root, 0o755)
  gallery = join(root, 'products.gallery')
  const labels = await writeProducts(root, 3)
  expect((await runCli('gallery', 'build', '--labels', labels, '--root', root, '--gallery', gallery)).code).toBe(0)
  good = join(root, 'good')
  bad = join(root, 'bad')
  for (const folder of [good, bad]) await mkdir(folder)
  for (const name of ['a.jpg', 'b.jfif']) await writeFile(join(good, name), await product(1))
  await writeFile(join(bad, 'a.jpg'), await product(1))
  await symlink('loop.jpg', join(bad, 'loop.jpg'))
  await writeFile(join(bad, 'z.mpo'), await product(2))
  await writeFile(join(bad, 'drawing.svg'), '<svg/>')
  await run('mkfifo', [join(bad, 'pipe.jpg')])
})

const kinds = (answers: Record<string, unknown>[]): unknown[] =>
  answers.map((one) => (one['type'] === 'deadLetter' ? one['code'] : (one['type'] ?? 'event'))).toSorted()

test('run goes on with the other pictures and cameras, tells each, and ends with 1 where a folder is not there', async () => {
  const cameras = ['--camera', `bad=${bad}`, '--camera', `good=${good}`]
  const answered = await runCli('run', '--gallery', gallery, ...cameras, '--json')
  expect(answered.code).toBe(0)
  const { json, err } = answered
  expect(kinds(json())).toEqual(['FILE_UNREADABLE', 'event', 'event', 'event', 'event', 'summary'])
  expect(json().at(-1)).toMatchObject({ frames: 5, events: 4, deadLettered: 1 })
  expect(err.split('\n').filter((line) => line.includes('left out'))).toEqual([
    expect.stringContaining('1 .svg, 1 pipe or device'),
  ])
  const missing = await runCli('run', '--gallery', gallery, ...cameras, '--camera', `gone=${root}/gone`, '--json')
  expect(missing.code).toBe(1)
  expect(missing.err.match(/no such file/g)).toHaveLength(1)
  expect(missing.json().at(-1)).toMatchObject({ frames: 5, events: 4, deadLettered: 1 })
})

test('recognize answers them in their place', async () => {
  const paths = [join(root, 'gone'), bad, join(good, 'a.jpg')]
  const { code, json, err } = await runCli('recognize', ...paths, '--gallery', gallery, '--json')
  expect(code).toBe(0)
  const answers = json() as unknown as { source: string; error?: { code: string; message: string } }[]
  expect(answers.map(({ error }) => error?.code ?? 'event')).toEqual([
    'FILE_UNREADABLE',
    'event',
    'FILE_UNREADABLE',
    'event',
    'event',
  ])
  expect(answers[0]!.error!.message).toBe(`${root}/gone can't be read: no such file or directory (ENOENT)`)
  expect(err).toContain('1 .svg')
})

test.skipIf(!canBeNobody)('a file and a folder of another user are told, the others answered', async () => {
  const folder = join(root, 'shared')
  await mkdir(join(folder, 'closed'), { recursive: true })
  await copyFile(join(good, 'a.jpg'), join(folder, 'a.jpg'))
  await copyFile(join(good, 'a.jpg'), join(folder, 'secret.jpg'))
  await copyFile(join(good, 'a.jpg'), join(folder, 'closed', 'c.jpg'))
  await chmod(join(folder, 'secret.jpg'), 0o600)
  await chmod(join(folder, 'closed'), 0)
  // SQLite writes beside a gallery that it reads.
  await run('chown', ['-R', '65534:65534', gallery])
  const cameras = ['--camera', `a=${folder}`, '--camera', `b=${good}`]
  const words = [process.execPath, main, 'run', '--gallery', gallery, ...cameras, '--json']
  const { code, json, err } = await finish(spawn(asNobody[0]!, [...asNobody.slice(1), ...words]))
  expect(err).toContain("closed can't be read")
  expect(kinds(json())).toEqual(['FILE_UNREADABLE', 'event', 'event', 'event', 'summary'])
  expect(code).toBe(0)
})
