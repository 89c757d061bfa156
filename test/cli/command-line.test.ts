/** The command line as a user meets it: real processes, the models that ship, pictures on disk. */
import { cp, mkdir, mkdtemp, readdir, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { recognitionEventSchema } from '../../shared/contracts/recognition-event.ts'
import { bundledModels } from '../../shared/inference/models-folder.ts'
import { finish, line, runCli, startCli } from '../harness/cli.ts'
import { product, writeProducts } from '../harness/pictures.ts'
import { pngOf } from '../harness/png.ts'

let root: string
let labels: string
let gallery: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sightline-'))
  labels = await writeProducts(root, 6)
  gallery = join(root, 'products.gallery')
  const built = await runCli('gallery', 'build', '--labels', labels, '--root', root, '--gallery', gallery, '--json')
  expect(built.json()).toEqual([{ gallery, added: 6, entries: 6, items: 6, revision: 1, unreadable: [], problems: [] }])
})

describe('recognize', () => {
  test('answers every picture in its place: an event, or the reason why not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    const write = async (name: string, bytes: Uint8Array): Promise<string> => {
      await writeFile(join(folder, name), bytes)
      return join(folder, name)
    }
    const jpeg = await product(1)
    const good = { create: { width: 64, height: 64, channels: 3, background: '#345' } } as const
    const paths = [
      join(root, 'p0.jpg'),
      await write('empty.jpg', new Uint8Array()),
      await write('cut.jpg', jpeg.subarray(0, jpeg.length / 2)),
      await write('text.jpg', new TextEncoder().encode('not a picture')),
      await write('bomb.png', pngOf(30_000, 30_000)),
      join(folder, 'missing.jpg'),
      await write('cmyk.jpg', await sharp(jpeg).toColourspace('cmyk').jpeg().toBuffer()),
      await write('deep.png', await sharp(jpeg).toColourspace('rgb16').png().toBuffer()),
      await write('grey.jpg', await sharp(jpeg).greyscale().jpeg().toBuffer()),
      await write(
        'one.png',
        await sharp({ create: { ...good.create, width: 1, height: 1 } })
          .png()
          .toBuffer(),
      ),
      await write(
        'wide.png',
        await sharp({ create: { ...good.create, width: 8000, height: 10 } })
          .png()
          .toBuffer(),
      ),
      join(root, 'p5.jpg'),
    ]
    const { code, json } = await runCli('recognize', ...paths, '--gallery', gallery, '--json')
    expect(code).toBe(0)
    const answers = json() as unknown as { source: string; error?: { code: string; message: string } }[]
    expect(answers.map(({ source }) => source)).toEqual(paths)
    expect(answers.map(({ error }) => error?.code ?? 'event')).toEqual([
      'event',
      'IMAGE_EMPTY',
      'IMAGE_UNREADABLE',
      'IMAGE_UNREADABLE',
      'IMAGE_TOO_LARGE',
      'FILE_UNREADABLE',
      ...Array.from({ length: 6 }, () => 'event'),
    ])
    for (const answer of answers) {
      if (answer.error === undefined) recognitionEventSchema.parse(answer)
      else expect(answer.error.message).not.toBe('')
    }
  })

  test('names what is enrolled, with candidates, where the whole picture shows it', async () => {
    const { json } = await runCli(
      'recognize',
      join(root, 'p2.jpg'),
      '--gallery',
      gallery,
      '--json',
      '--whole-frame',
      'always',
      '--detection-threshold',
      '1',
    )
    const [event] = json().map((one) => recognitionEventSchema.parse(one))
    expect(event!.objects).toHaveLength(1)
    expect(event!.objects[0]).toMatchObject({ item: 'product-2', label: 'Product 2', box: [0, 0, 320, 240] })
    expect(event!.objects[0]!.candidates.length).toBe(5)
    expect(event!.thresholds.detection).toBe(1)
  })

  test('calls unknown what the threshold does not let pass', async () => {
    const recognized = async (threshold: string) => {
      const { json } = await runCli('recognize', root, '--gallery', gallery, '--json', '--threshold', threshold)
      return json().flatMap((one) => recognitionEventSchema.parse(one).objects.filter(({ item }) => item !== null))
    }
    const all = await recognized('0')
    const certain = await recognized('0.99')
    expect(certain.length).toBeLessThan(all.length)
    expect(certain.filter(({ score }) => score < 0.99)).toEqual([])
  })

  test('takes folders, and draws what it saw', async () => {
    const drawn = join(root, 'drawn')
    const { code, out } = await runCli('recognize', root, '--gallery', gallery, '--draw', drawn)
    expect(code).toBe(0)
    expect(out.trim().split('\n').length).toBe(6)
    expect((await readdir(drawn)).toSorted()).toEqual(['p0.jpg', 'p1.jpg', 'p2.jpg', 'p3.jpg', 'p4.jpg', 'p5.jpg'])
  })

  test('fails where no picture could be read', async () => {
    expect((await runCli('recognize', '/nowhere.jpg', '--gallery', gallery, '--json')).code).toBe(1)
  })

  test('on an empty gallery finds nothing it knows', async () => {
    const empty = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'empty.gallery')
    await cp(gallery, empty, { recursive: true })
    const items = (await runCli('gallery', 'list', '--gallery', gallery, '--json'))
      .json()
      .map(({ item }) => String(item))
    await runCli('gallery', 'remove', '--gallery', empty, ...items.flatMap((item) => ['--item', item]))
    const { code, json } = await runCli('recognize', join(root, 'p0.jpg'), '--gallery', empty, '--json')
    expect(code).toBe(0)
    const [event] = json().map((one) => recognitionEventSchema.parse(one))
    expect(event!.gallery).toMatchObject({ entries: 0, items: 0 })
    expect(
      event!.objects.every(({ item, score, candidates }) => item === null && score === 0 && candidates.length === 0),
    ).toBe(true)
  })
})

describe('gallery', () => {
  test('reports, counts and skips what it can not use; --strict makes that a failure', async () => {
    const list = join(root, 'mixed.txt')
    await writeFile(
      list,
      '\uFEFFp0.jpg\tRed thing\r\nmissing.jpg\tx\r\nlabels.txt\ty\r\np0.jpg\tagain\r\nno label\t\r\n',
    )
    const target = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g')
    const args = ['gallery', 'build', '--labels', list, '--root', root, '--gallery', target, '--json']
    const { code, json } = await runCli(...args)
    expect(code).toBe(0)
    expect(json()[0]).toMatchObject({
      added: 1,
      entries: 1,
      unreadable: [
        { path: 'missing.jpg', code: 'FILE_UNREADABLE' },
        { path: 'labels.txt', code: 'IMAGE_UNREADABLE' },
      ],
      problems: [{ line: 4 }, { line: 5 }],
    })
    expect((await runCli(...args, '--strict')).code).toBe(1)
  })

  test('adds, lists and removes', async () => {
    const target = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g')
    await runCli('gallery', 'build', '--labels', labels, '--root', root, '--gallery', target)
    const more = join(root, 'more.txt')
    await writeFile(join(root, 'p9.png'), await product(9))
    await writeFile(more, 'p9.png\tNew product\n')
    const added = await runCli('gallery', 'add', '--labels', more, '--root', root, '--gallery', target, '--json')
    expect(added.json()[0]).toMatchObject({ added: 1, entries: 7 })
    const listed = await runCli('gallery', 'list', '--gallery', target, '--label', 'New product', '--json')
    const metadata = { sha256: expect.stringMatching(/^[\da-f]{64}$/) }
    expect(listed.json()).toEqual([{ id: 'p9.png', item: 'New product', label: 'New product', metadata }])
    const removed = await runCli(
      'gallery',
      'remove',
      '--gallery',
      target,
      '--item',
      'product-0',
      '--item',
      'product-1',
      '--json',
    )
    expect(removed.json()[0]).toMatchObject({ removed: 2, entries: 5 })
    expect((await runCli('gallery', 'remove', '--gallery', target, '--item', 'nothing')).code).toBe(1)
  })

  test('built again holds what is listed now, and nothing else', async () => {
    const target = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'g')
    await runCli('gallery', 'build', '--labels', labels, '--root', root, '--gallery', target)
    const fewer = join(root, 'fewer.txt')
    await writeFile(fewer, 'p1.jpg\tOnly one\n')
    const built = await runCli('gallery', 'build', '--labels', fewer, '--root', root, '--gallery', target, '--json')
    expect(built.json()[0]).toMatchObject({ entries: 1, items: 1 })
  })

  test.each([
    ['a folder that is not there', 'nowhere', 'GALLERY_MISSING', 'there is no gallery in'],
    ['a folder of something else', '.', 'GALLERY_CORRUPT', 'is no gallery'],
  ])('in %s is refused in one line', async (_name, where, _code, message) => {
    const { code, err } = await runCli('gallery', 'list', '--gallery', join(root, where))
    expect(code).toBe(1)
    expect(err).toContain(message)
    expect(
      err
        .trim()
        .split('\n')
        .filter((one) => one.startsWith('sightline:')),
    ).toHaveLength(1)
    expect(err).not.toContain('    at ')
  })
})

describe('eval', () => {
  test('of a list against itself is perfect', async () => {
    const { json } = await runCli('eval', '--gallery-list', labels, '--query-list', labels, '--root', root, '--json')
    expect(json()).toEqual([{ 'recall@1': 1, 'recall@5': 1, mAP: 1, queries: 6, gallery: 6 }])
  })

  test('of boxes gives the three figures of detection, and what was missed by size', async () => {
    const list = join(root, 'boxes.jsonl')
    await writeFile(
      list,
      `${JSON.stringify({ image: 'p0.jpg', w: 320, h: 240, boxes: [[0.31, 0.12, 0.69, 0.87]], ignore: [] })}\n`,
    )
    const [result] = (await runCli('eval', '--boxes', list, '--root', root, '--json')).json()
    const figures = ['AP50', 'AP', 'recall@100', 'pictures', 'dense']
    expect(Object.keys(result!)).toEqual([...figures, 'objects of over 24 %', 'missed of over 24 %'])
    expect(result).toMatchObject({ pictures: 1, dense: 0, 'objects of over 24 %': 1 })
    const closer = await runCli('eval', '--boxes', list, '--root', root, '--scene', 'dense', '--tiles', '2x1', '--json')
    expect(closer.json()).toMatchObject([{ pictures: 1, dense: 1 }])
  })

  test('names the line of a list that can not be used', async () => {
    const list = join(root, 'bad.jsonl')
    await writeFile(list, '{"image":"p0.jpg","boxes":[]}\n{"image":"p0.jpg","boxes":[[1,2]]}\n')
    const { code, err } = await runCli('eval', '--boxes', list, '--root', root)
    expect(code).toBe(1)
    expect(err).toContain('bad.jsonl, line 2')
  })
})

describe('models', () => {
  test('are listed and verified', async () => {
    const listed = (await runCli('models', 'list', '--json')).json()
    expect(
      listed
        .filter(({ inUse }) => inUse)
        .map(({ task }) => task)
        .toSorted(),
    ).toEqual(['detector', 'embedder'])
    const verified = await runCli('models', 'verify', '--json')
    expect(verified.code).toBe(0)
    expect(verified.json().every(({ ok }) => ok)).toBe(true)
  })

  test('that were damaged are found out, and nothing runs on them', async () => {
    const models = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'models')
    await cp(bundledModels, models, { recursive: true })
    const index = (await runCli('models', 'list', '--json')).json().find(({ task }) => task === 'embedder')
    await writeFile(join(models, String(index!['name']), 'model.onnx'), 'damaged')
    const verified = await runCli('models', 'verify', '--models', models)
    expect(verified.code).toBe(1)
    expect(verified.out).toContain('is not the file its manifest describes')
    const used = await runCli('recognize', join(root, 'p0.jpg'), '--gallery', gallery, '--models', models)
    expect(used.code).toBe(1)
    expect(used.err).toContain('sha256')
  })
})

describe('run', () => {
  test('plays folders as cameras, and the books close', async () => {
    const cameras = await mkdtemp(join(tmpdir(), 'sightline-'))
    for (const camera of ['till', 'door']) {
      await mkdir(join(cameras, camera))
      for (const number of [0, 1, 2]) await writeFile(join(cameras, camera, `${number}.jpg`), await product(number))
    }
    await writeFile(join(cameras, 'door', '1b.jpg'), 'broken')
    const { code, json } = await runCli(
      ...['run', '--gallery', gallery, '--json'],
      ...['--camera', `till=${join(cameras, 'till')}`, '--camera', `door=${join(cameras, 'door')}`],
    )
    expect(code).toBe(0)
    const lines = json()
    expect(lines.at(-1)).toEqual({ type: 'summary', frames: 7, events: 6, skipped: 0, deadLettered: 1 })
    expect(lines.filter(({ type }) => type === 'deadLetter')).toMatchObject([
      { stage: 'detector', code: 'IMAGE_UNREADABLE' },
    ])
    const till = lines.filter(({ camera }) => camera === 'till')
    expect(till.map(({ source }) => String(source).slice(-5))).toEqual(['0.jpg', '1.jpg', '2.jpg'])
  })

  test('follows a folder until SIGTERM, finishes what is under way and exits 0', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    await writeFile(join(folder, 'a.jpg'), await product(1))
    const child = startCli('run', '--gallery', gallery, '--camera', `c=${folder}`, '--follow', '--json')
    const finished = finish(child)
    await line(child, (text) => text.includes('a.jpg'))
    await writeFile(join(folder, 'b.part'), await product(2))
    await rename(join(folder, 'b.part'), join(folder, 'b.jpg'))
    await line(child, (text) => text.includes('b.jpg'))
    child.kill('SIGTERM')
    const { code, json } = await finished
    expect(code).toBe(0)
    expect(json().at(-1)).toEqual({ type: 'summary', frames: 2, events: 2, skipped: 0, deadLettered: 0 })
  })

  test('a second SIGTERM ends it at once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    for (let number = 0; number < 60; number += 1)
      await writeFile(join(folder, `${number}.jpg`), await product(number, { width: 1600, height: 1200 }))
    const child = startCli('run', '--gallery', gallery, '--camera', `c=${folder}`, '--json')
    const finished = finish(child)
    await line(child, () => true)
    const heard = new Promise((resolve) => child.stderr.once('data', resolve))
    child.kill('SIGTERM')
    await heard
    child.kill('SIGTERM')
    expect((await finished).signal).toBe('SIGKILL')
  })

  test('skips frames that are too old, and says so in their events', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    for (let number = 0; number < 30; number += 1)
      await writeFile(join(folder, `${number}.jpg`), await product(number, { width: 1600, height: 1200 }))
    const { json } = await runCli(
      'run',
      '--gallery',
      gallery,
      '--camera',
      `c=${folder}`,
      '--max-frame-age',
      '0.001',
      '--json',
    )
    const { skipped, events } = json().at(-1) as unknown as { skipped: number; events: number }
    expect(events).toBe(30)
    expect(skipped).toBeGreaterThan(0)
    expect(json().filter((one) => one['skipped'] === 'stale' && one['image'] === null)).toHaveLength(skipped)
  })
})

describe('wrong usage exits 2 and says what is right', () => {
  test.each([
    [['fly'], "there is no command 'fly'"],
    [['gallery'], 'which one?'],
    [['recognize'], 'which pictures?'],
    [['recognize', 'a.jpg'], '--gallery is missing'],
    [
      ['recognize', 'a.jpg', '--gallery', 'g', '--max-boxes', 'many'],
      '--max-boxes takes a whole number from 1 to 1000',
    ],
    [
      ['recognize', 'a.jpg', '--gallery', 'g', '--whole-frame', 'perhaps'],
      '--whole-frame takes always, fallback, never',
    ],
    [['recognize', 'a.jpg', '--gallery', 'g', '--label-threshold', 'x'], '--label-threshold takes LABEL=T'],
    [['recognize', 'a.jpg', '--colour'], "Unknown option '--colour'"],
    [['run', '--gallery', 'g'], 'which cameras?'],
    [['eval'], 'measure what?'],
  ])('%j', async (args, message) => {
    const { code, err } = await runCli(...args)
    expect([code, err]).toEqual([2, expect.stringContaining(message)])
  })

  test.each([
    ['recognize'],
    ['run'],
    ['gallery', 'build'],
    ['gallery', 'add'],
    ['gallery', 'remove'],
    ['gallery', 'list'],
    ['eval'],
    ['models', 'list'],
    ['models', 'verify'],
  ])('%s %s --help shows an example', async (...words) => {
    const { code, out } = await runCli(...words, '--help')
    expect(code).toBe(0)
    expect(out).toContain('Example: sightline ')
  })
})
