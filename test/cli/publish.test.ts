/** `sightline publish` at its edges: large pictures, and input that does not come. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KafkaBus } from '../../shared/bus/kafka/kafka-bus.ts'
import { topicNames } from '../../shared/contracts/topology.ts'
import { Collector } from '../harness/bus/collector.ts'
import { finish, line, runCli, startCli } from '../harness/cli.ts'
import { product } from '../harness/pictures.ts'
import { requireService } from '../harness/services.ts'

const kafka = await requireService('kafka')

describe.skipIf(kafka === undefined)('publishing to Kafka', { timeout: 60_000 }, () => {
  const prefix = `p${randomUUID().slice(0, 8)}-`
  const topics = topicNames(prefix)
  const place = ['--brokers', kafka?.brokers.join(',') ?? '', '--topic-prefix', prefix]
  let bus: KafkaBus

  beforeAll(async () => {
    bus = new KafkaBus({ brokers: kafka!.brokers })
    expect((await runCli('topics', 'create', ...place, '--partitions', '2')).code).toBe(0)
  })
  afterAll(() => bus?.[Symbol.asyncDispose]())

  test('takes a picture of 7 MiB, refuses one of 9 MiB, and goes on', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    const picture = await product(0)
    const sizes = { 'a.jpg': 7 * 2 ** 20, 'b.jpg': 9 * 2 ** 20, 'c.jpg': picture.length }
    for (const [name, size] of Object.entries(sizes)) {
      await writeFile(join(folder, name), Buffer.concat([picture, Buffer.alloc(size - picture.length)]))
    }
    await using reader = await Collector.on(bus, topics.frames)
    const { code, json } = await runCli('publish', folder, '--camera', 'gate', '--json', ...place)
    expect(code).toBe(1)
    expect(json()).toMatchObject([
      { source: 'a.jpg', bytes: 7 * 2 ** 20 },
      { source: 'b.jpg', error: { code: 'BUS_MESSAGE_TOO_LARGE', message: expect.stringContaining('9.00 MiB') } },
      { source: 'c.jpg', bytes: picture.length },
      { type: 'summary', published: 2, refused: 1 },
    ])
    await reader.count(2)
    expect(reader.deliveries.map(({ value }) => value?.length)).toEqual([7 * 2 ** 20, picture.length])
  })

  test('ends in order on SIGTERM while it waits for standard input', async () => {
    const child = startCli('publish', '-', '--camera', 'pipe', '--json', ...place)
    const ended = finish(child)
    const first = line(child, (text) => text.includes('stdin#0'))
    child.stdin.write(await product(0))
    await first
    child.kill('SIGTERM')
    const { code, json } = await ended
    expect([code, json().at(-1)]).toEqual([0, { type: 'summary', published: 1, refused: 0 }])
  })

  test('takes MJPEG as multipart, and tells once what it passed over', async () => {
    const jpegs = await Promise.all([0, 1, 2].map((n) => product(n)))
    const child = startCli('publish', '-', '--camera', 'pipe', '--json', ...place)
    const ended = finish(child)
    for (const jpeg of jpegs) {
      child.stdin.write(`--b\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`)
      child.stdin.write(jpeg)
      child.stdin.write('\r\n')
    }
    child.stdin.end()
    const { code, json, err } = await ended
    expect(code).toBe(0)
    expect(json().slice(0, -1)).toEqual(
      jpegs.map((jpeg, n) => ({ camera: 'pipe', source: `stdin#${n}`, bytes: jpeg.length })),
    )
    expect(json().at(-1)).toMatchObject({ published: 3, refused: 0, skippedBytes: expect.any(Number) })
    expect(err.match(/passed over/g)).toHaveLength(1)
  })

  test('refuses a stream of something else, and does not wait for its end', async () => {
    const child = startCli('publish', '-', '--camera', 'pipe', ...place)
    const ended = finish(child)
    child.stdin.on('error', () => undefined)
    child.stdin.write(Buffer.alloc(3 * 2 ** 20))
    const { code, err } = await ended
    expect(code).toBe(1)
    expect(err).toContain('neither a picture nor a stream of JPEG pictures')
  })

  test('goes on after a path that can not be read, and ends with 1', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sightline-'))
    await writeFile(join(folder, 'a.jfif'), await product(0))
    const { code, json } = await runCli('publish', join(folder, 'gone'), folder, '--json', ...place)
    expect(code).toBe(1)
    expect(json()).toMatchObject([
      { error: { code: 'FILE_UNREADABLE' } },
      { source: 'a.jfif' },
      { published: 1, refused: 0, unreadable: 1 },
    ])
  })

  test('says how a password is written, and prints none', async () => {
    const wrong = await runCli('publish', 'rtsp://admin:geheim#1@127.0.0.1:9/live', ...place)
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('write # as %23')])
    const refused = await runCli('publish', 'rtsp://admin:geheim@127.0.0.1:9/live', '--json', ...place)
    expect(refused.code).not.toBe(0)
    for (const { out, err } of [wrong, refused]) expect(out + err).not.toContain('geheim')
  })
})
