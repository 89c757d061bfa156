/** The published networks' own programs with seeded weights: pulled, converted by Paddle's tool, held against Paddle's run, used. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { modelsPullCommand } from '../../cli/commands/models-pull.ts'
import { roles } from '../../cli/models/catalogue.ts'
import { runCli } from '../support/cli.ts'
import { convertScript } from '../support/paddle.ts'
import { writeProducts } from '../support/pictures.ts'
import { requireService } from '../support/services.ts'
import { startArchiveServer } from './archive-server.ts'
import { call } from './call.ts'
import { names, pair } from './test-archives.ts'

const paddle = await requireService('paddle')

describe.skipIf(paddle === undefined)('PP-ShiTuV2 with seeded weights', () => {
  test('is pulled, computes what Paddle computes, and recognizes', { timeout: 300_000 }, async () => {
    const { python, graphs } = paddle!
    const root = await mkdtemp(join(tmpdir(), 'sightline-'))
    const files: Record<string, Buffer> = {}
    for (const role of roles) {
      const to = join(root, pair[role].archive)
      await promisify(execFile)(python, [
        convertScript,
        'make-archive',
        role,
        '--graphs',
        graphs,
        '--seed',
        '0',
        '--to',
        to,
      ])
      files[pair[role].archive] = await readFile(to)
    }
    await using server = await startArchiveServer(files)
    const models = join(root, 'models')
    const args = ['--to', models, '--url-base', server.base, '--python', python]
    const pulled = await call(modelsPullCommand, ['pp-shituv2', ...args, '--use', '--json'])
    expect(JSON.parse(pulled.out)).toEqual({ models, names, state: 'registered', inUse: true })
    expect(pulled.err).toMatch(/pp-shituv2-mainbody +Paddle: largest box difference, px .* ok\n/)
    expect(pulled.err).toMatch(/pp-shituv2-general +Paddle: least cosine of an embedding .* ok\n/)

    const labels = await writeProducts(root, 3)
    const gallery = join(root, 'products.gallery')
    const use = ['--gallery', gallery, '--models', models]
    expect((await runCli('gallery', 'build', '--labels', labels, '--root', root, ...use)).code).toBe(0)
    const whole = ['--detection-threshold', '1', '--whole-frame', 'always']
    const seen = await runCli(
      'recognize',
      ...[0, 1, 2].map((number) => join(root, `p${number}.jpg`)),
      ...use,
      ...whole,
      '--json',
    )
    expect(seen.json()).toMatchObject([0, 1, 2].map((number) => ({ objects: [{ item: `product-${number}` }] })))
    const detected = await runCli('recognize', join(root, 'p1.jpg'), ...use, '--detection-threshold', '0.05', '--json')
    expect(detected.json()).toMatchObject([{ models: { detector: { name: names[0] }, embedder: { name: names[1] } } }])
  })
})
