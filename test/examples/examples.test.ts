/** The examples as a reader runs them: plain clients publish pictures to the services and read what was seen. */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defaultTopicPlan, planTopics } from '../../shared/contracts/topic-plan.ts'
import { startChild } from '../harness/child.ts'
import { Deployment } from '../harness/deployment.ts'
import { product } from '../harness/pictures.ts'
import { requireService } from '../harness/services.ts'

const kafka = await requireService('kafka')
const kcat = await requireService('kcat')
const python = await requireService('python')

const examples = join(import.meta.dirname, '..', '..', 'examples')
const readme = await readFile(join(examples, 'README.md'), 'utf8')

interface Language {
  readonly command: string
  readonly folder: string
  readonly publish: string
  readonly consume: string
}
const languages: readonly Language[] = [
  { command: process.execPath, folder: 'typescript', publish: 'publish.ts', consume: 'consume.ts' },
  ...(python === undefined
    ? []
    : [{ command: python.interpreter, folder: 'python', publish: 'publish.py', consume: 'consume.py' }]),
]

describe.skipIf(kafka === undefined)('plain clients', { timeout: 120_000 }, () => {
  let deployment: Deployment
  let pictures: string
  let env: NodeJS.ProcessEnv

  beforeAll(async () => {
    pictures = await mkdtemp(join(tmpdir(), 'sightline-'))
    await writeFile(join(pictures, 'shelf.jpg'), await product(2))
    await writeFile(join(pictures, 'broken.jpg'), 'not a picture')
    deployment = await Deployment.open({ brokers: kafka!.brokers })
    await deployment.startAll()
    env = {
      ...process.env,
      KAFKA_BROKERS: kafka!.brokers.join(','),
      FRAMES_TOPIC: deployment.topics.frames,
      RECOGNITIONS_TOPIC: deployment.topics.recognitions,
    }
  }, 120_000)
  afterAll(async () => {
    await deployment?.[Symbol.asyncDispose]()
    await rm(pictures, { recursive: true, force: true })
  })

  const run = async (command: string, args: readonly string[]): Promise<string> =>
    (await promisify(execFile)(command, args, { cwd: pictures, env })).stdout

  test.each(languages)('in $folder publish a frame and print what was seen in it', async (language) => {
    const { command, folder, publish, consume } = language
    const camera = `${folder}-camera`
    await run(command, [join(examples, folder, publish), camera, 'shelf.jpg'])
    await using reader = await startChild(command, [join(examples, folder, consume), `${folder}-${randomUUID()}`], {
      env,
    })
    const line = new Promise<string>((resolve) => {
      reader.onLine((one) => {
        if (one.includes(camera)) resolve(one)
      })
    })
    const ended = reader.exited.then(() => Promise.reject(new Error(reader.output())))
    expect(await Promise.race([line, ended])).toMatch(new RegExp(`^\\S+T\\S+Z ${camera}: Product 2 [01]\\.\\d\\d$`))
    ended.catch(() => undefined)
    expect(await reader.stop()).toBe(0)
  })

  test.each(languages)('in $folder say how they are used', async ({ command, folder, publish }) => {
    await expect(run(command, [join(examples, folder, publish)])).rejects.toThrow('Usage')
  })

  describe.skipIf(kcat === undefined)('kcat', () => {
    const lines = [...readme.matchAll(/^kcat .*$/gm)].map(([line]) => line)

    /** A line of the README, on the broker and the topics of this test. */
    const runLine = (line: string, replacements: Readonly<Record<string, string>> = {}): Promise<string> => {
      const { brokers } = kafka!
      const topics = line
        .replace('localhost:9092', brokers.join(','))
        .replace(/-t (\S+)/, (_option, topic: string) => `-t ${deployment.prefix}${topic}`)
      const text = Object.entries(replacements).reduce((all, [from, to]) => all.replace(from, to), topics)
      return run('sh', ['-c', text])
    }
    const publishing = lines.filter((line) => line.startsWith('kcat -P'))
    const [events = '', withHeaders = '', dead = ''] = lines.filter((line) => line.startsWith('kcat -C'))

    test('publishes a picture, and reads events and dead letters, as the README says', async () => {
      expect(lines.length).toBe(5)
      const reader = await deployment.read()
      const [plain = '', named = ''] = publishing
      await runLine(plain, { 'cam-1': 'kcat-camera' })
      await runLine(named, { 'cam-1': 'kcat-camera' })
      await runLine(plain, { 'cam-1': 'kcat-camera', 'shelf.jpg': 'broken.jpg' })
      const ours = (id: string): boolean => id.startsWith('kcat-camera')
      while (new Set(reader.ids().filter(ours)).size < 3) await reader.ended(new Set(reader.ids()).size + 1)

      const seen = (await runLine(events))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { id: string; camera: string; objects: { label: string }[] })
        .filter(({ camera }) => camera === 'kcat-camera')
      expect(seen.map(({ objects }) => objects.map(({ label }) => label))).toEqual([['Product 2'], ['Product 2']])
      expect(seen[1]!.id).toBe('kcat-camera:2026-07')
      expect(await runLine(withHeaders)).toMatch(
        /^kcat-camera .*ce_type=io\.sightline\.recognition\.v1,ce_id=kcat-camera:2026-07,.*ce_time=2026-01-02T03:04:05\.000Z/m,
      )
      expect(await runLine(dead)).toMatch(/^kcat-camera .*dlq-stage=detector,dlq-code=IMAGE_UNREADABLE,dlq-reason=/m)
    })
  })

  test('the limits and topics that the README names are the ones that are set up', () => {
    const names = planTopics(defaultTopicPlan).map(({ name }) => name)
    const used = [...readme.matchAll(/-t (\S+)/g)].map(([, topic]) => topic)
    expect(used.filter((topic) => !names.includes(topic!))).toEqual([])
    const frames = planTopics(defaultTopicPlan).find(({ name }) => name === 'frames')
    expect(readme).toContain(`message.max.bytes=${frames!.config['max.message.bytes']}`)
  })
})
