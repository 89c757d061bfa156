/** The commands that work on a cluster, as processes, on a real broker. */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Delivery } from '../../shared/bus/bus.ts'
import { KafkaBus } from '../../shared/bus/kafka/kafka-bus.ts'
import { defaultMessageLimit } from '../../shared/contracts/dead-letter-topics.ts'
import { encodeRecognitionEvent, type RecognitionEvent } from '../../shared/contracts/recognition-event.ts'
import { topicNames } from '../../shared/contracts/topology.ts'
import { SightlineError } from '../../shared/errors/errors.ts'
import { deadLetter } from '../../shared/stage/dead-letters.ts'
import { Collector } from '../harness/bus/collector.ts'
import { finish, line, runCli, startCli } from '../harness/cli.ts'
import { product, writeProducts } from '../harness/pictures.ts'
import { requireService } from '../harness/services.ts'

const run = promisify(execFile)
const kafka = await requireService('kafka')
const hasFfmpeg = await run('ffmpeg', ['-version']).then(
  () => true,
  () => false,
)
if (!hasFfmpeg) process.stdout.write('not covered: publishing videos (no ffmpeg on the PATH)\n')

describe.skipIf(kafka === undefined)('commands on Kafka', { timeout: 60_000 }, () => {
  const prefix = `c${randomUUID().slice(0, 8)}-`
  const topics = topicNames(prefix)
  const place = ['--brokers', kafka?.brokers.join(',') ?? '', '--topic-prefix', prefix]
  let bus: KafkaBus
  let folder: string

  beforeAll(async () => {
    bus = new KafkaBus({ brokers: kafka!.brokers })
    folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    await writeProducts(folder, 3)
    expect((await runCli('topics', 'create', ...place, '--partitions', '2')).code).toBe(0)
  })
  afterAll(() => bus?.[Symbol.asyncDispose]())

  test('topics create makes what is missing, and tells how the rest differs without changing it', async () => {
    const again = await runCli('topics', 'create', ...place, '--partitions', '2', '--strict', '--json')
    expect(again.code).toBe(0)
    expect(again.json().map(({ name, state }) => [name, state])).toEqual(
      ['frames', 'detections', 'embeddings', 'recognitions', 'frames.dlq', 'detections.dlq', 'embeddings.dlq'].map(
        (name) => [prefix + name, 'present'],
      ),
    )
    const other = await runCli('topics', 'create', ...place, '--partitions', '3', '--strict')
    expect(other.code).toBe(1)
    expect(other.out).toContain(`${prefix}frames`)
    expect(other.out).toContain('partitions is 2, not 3')
    const listed = await runCli('topics', 'list', ...place, '--topic-prefix', 'nothing-', '--json')
    expect(listed.json().every(({ state }) => state === 'missing')).toBe(true)
  })

  test('publish sends a folder as the frames of a camera; what is too large is refused, told and counted', async () => {
    await using reader = await Collector.on(bus, topics.frames)
    await writeFile(join(folder, 'p9-huge.jpg'), Buffer.alloc(9 * 2 ** 20))
    const { code, out, err } = await runCli('publish', folder, '--camera', 'gate', ...place)
    expect([code, out.trim()]).toEqual([1, 'published 3, refused 1'])
    expect(err).toContain('p9-huge.jpg')
    await reader.count(3)
    const found = reader.deliveries.map(({ key, headers, value }) => [key, headers, value?.length])
    const sizes = await Promise.all([0, 1, 2].map(async (number) => (await product(number)).length))
    expect(found).toEqual(sizes.map((size, number) => ['gate', { ce_source: `p${number}.jpg` }, size]))
  })

  test('publish takes pictures from standard input, globs, and names frames by their files when asked to', async () => {
    await using reader = await Collector.on(bus, topics.frames, randomUUID())
    await reader.count(3)
    const child = startCli('publish', '-', '--camera', 'pipe', ...place)
    child.stdin.end(Buffer.concat([await product(0), await product(1)]))
    expect((await finish(child)).out.trim()).toBe('published 2, refused 0')
    const named = await runCli(
      'publish',
      join(folder, 'p[01].jpg'),
      '--id-from-name',
      '--limit',
      '2',
      '--json',
      ...place,
    )
    expect(named.json().at(-1)).toEqual({ type: 'summary', published: 2, refused: 0 })
    await reader.count(7)
    const last = reader.deliveries.filter(({ key }) => key !== 'gate')
    expect(last.map(({ key }) => key).toSorted()).toEqual(['p0', 'p1', 'pipe', 'pipe'])
    expect(last.flatMap(({ headers }) => headers['ce_id'] ?? [])).toHaveLength(2)
  })

  test.skipIf(!hasFfmpeg)('publish takes a video by ffmpeg', async () => {
    const video = join(folder, 'clip.mp4')
    await run('ffmpeg', ['-loglevel', 'error', '-f', 'lavfi', '-i', 'testsrc=duration=1:size=160x120:rate=5', video])
    const { out } = await runCli('publish', video, ...place)
    expect(out.trim()).toBe('published 5, refused 0')
  })

  test.skipIf(hasFfmpeg)('publish says that a video needs ffmpeg', async () => {
    const video = join(await mkdtemp(join(tmpdir(), 'sightline-')), 'clip.mp4')
    await writeFile(video, 'not looked at')
    const { code, err } = await runCli('publish', video, ...place)
    expect(code).toBe(2)
    expect(err).toContain('needs ffmpeg on the PATH')
  })

  test.each([
    [['publish', '/nowhere'], 1, '/nowhere'],
    [['publish'], 2, 'sightline publish PATH'],
    [['dlq', 'redrive'], 2, 'which ones?'],
    [['dlq', 'show', 'frames.dlq-0-999'], 2, 'no dead letter'],
  ])('%j is a clear error', async (words, code, message) => {
    const result = await runCli(...words, ...place)
    expect(result.code).toBe(code)
    expect(result.err).toContain(message)
  })

  test('a cluster that is not there, or has no topics, is a clear error', async () => {
    const away = await runCli('publish', folder, '--brokers', '127.0.0.1:1')
    expect(away.code).toBe(1)
    expect(away.err).toContain('127.0.0.1:1')
    const empty = await runCli('publish', folder, ...place, '--topic-prefix', 'none-')
    expect(empty.err).toContain('sightline topics create')
  })

  test('watch shows events as they come, and ends when asked to', async () => {
    const watching = startCli('watch', '--camera', 'till-1', '--json', ...place)
    const ended = finish(watching)
    await new Promise<void>((resolve) =>
      watching.stderr.on('data', (text) => String(text).includes('watching') && resolve()),
    )
    const seen = line(watching, (text) => text.includes('till-1:b'))
    await bus.publish(
      [event('till-2:a', 'till-2'), event('till-1:b', 'till-1')].map((one) =>
        encodeRecognitionEvent(topics.recognitions, one),
      ),
    )
    expect(JSON.parse(await seen)).toMatchObject({ camera: 'till-1' })
    watching.kill('SIGTERM')
    const { code, json } = await ended
    expect([code, json().length]).toEqual([0, 1])
    const past = await runCli('watch', '--from-start', '--limit', '2', ...place)
    expect(past.out).toContain('Olive oil')
  })

  test('dead letters are listed, shown, saved and published again, each once', async () => {
    await bus.publish([letter('cam-1', 0n, 'IMAGE_UNREADABLE'), letter('cam-2', 1n, 'INFERENCE_FAILED')])
    const list = async (...words: string[]) => (await runCli('dlq', 'list', '--json', ...words, ...place)).json()
    expect(await list()).toMatchObject([
      { camera: 'cam-1', code: 'IMAGE_UNREADABLE', stage: 'detector', isRedriven: false },
      { camera: 'cam-2', code: 'INFERENCE_FAILED' },
    ])
    const [, second] = (await list()) as unknown as { position: string }[]
    const file = join(folder, 'saved')
    const shown = await runCli('dlq', 'show', second!.position, '--save', file, ...place)
    expect(shown.out).toContain('dlq-code: INFERENCE_FAILED')
    expect(await readFile(file, 'utf8')).toBe('bytes of cam-2')

    const redrive = async (...words: string[]) =>
      (await runCli('dlq', 'redrive', '--json', ...words, ...place)).json()[0]
    await using reader = await Collector.on(bus, topics.frames, randomUUID())
    expect(await redrive('--reason', 'INFERENCE_FAILED')).toEqual({ redriven: 1, refused: [] })
    expect(await redrive('--reason', 'INFERENCE_FAILED')).toEqual({ redriven: 0, refused: [] })
    expect((await list()).map(({ camera }) => camera)).toEqual(['cam-1'])
    expect((await list('--all')).map(({ camera }) => camera)).toEqual(['cam-1', 'cam-2'])
    expect(await redrive('--all')).toEqual({ redriven: 1, refused: [] })
    expect(await redrive('--all')).toEqual({ redriven: 0, refused: [] })
    const again = (): readonly Delivery[] => reader.deliveries.filter(({ headers }) => 'redrive-of' in headers)
    await reader.until(() => again().length >= 2)
    expect(again().map(({ key, value, headers }) => [key, Buffer.from(value!).toString(), headers])).toEqual(
      expect.arrayContaining([
        ['cam-1', 'bytes of cam-1', { 'frame-id': 'cam-1@x', 'redrive-of': `${topics.frames}-0-0`, redrives: '1' }],
        ['cam-2', 'bytes of cam-2', { 'frame-id': 'cam-2@x', 'redrive-of': `${topics.frames}-0-1`, redrives: '1' }],
      ]),
    )
  })

  function letter(camera: string, offset: bigint, code: 'IMAGE_UNREADABLE' | 'INFERENCE_FAILED') {
    const value = Buffer.from(`bytes of ${camera}`)
    const delivery = { topic: topics.frames, partition: 0, offset, timestamp: 0, key: camera, value, headers: {} }
    const error = new SightlineError(code, `why ${camera} failed`)
    const time = 1_700_000_000_000 + Number(offset)
    return deadLetter(delivery, { 'frame-id': `${camera}@x` }, { stage: 'detector', error, time }, defaultMessageLimit)
  }
})

const event = (id: string, camera: string): RecognitionEvent => ({
  id,
  camera,
  source: 'a.jpg',
  capturedAt: new Date(0).toISOString(),
  image: { width: 4, height: 3 },
  objects: [
    {
      box: [0, 0, 4, 3],
      detectionScore: 0.9,
      item: 'oil',
      label: 'Olive oil',
      score: 0.8,
      candidates: [{ item: 'oil', label: 'Olive oil', score: 0.8 }],
    },
  ],
  skipped: null,
  gallery: { revision: 1, entries: 1, items: 1 },
  models: { detector: { name: 'd', sha256: 'a' }, embedder: { name: 'e', sha256: 'b' } },
  thresholds: { detection: 0.5, recognition: 0.6 },
  timings: { decodeMs: 1, detectMs: 1, embedMs: 1, matchMs: 1, totalMs: 4 },
})
