/** What the README says of `docker compose`: one command shows named products; secrets stay secret, more is made of what is slow, `down` keeps what was learnt. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { topicNames } from '../../shared/contracts/topology.ts'
import { Books } from '../harness/books.ts'
import { product } from '../harness/pictures.ts'
import { Stack, secrets } from './stack.ts'

const services = ['detector', 'embedder', 'matcher']
const cameras = ['shelf', 'checkout', 'conveyor']
const mostImageBytes = 450e6

/** A line of `sightline watch` on which a product is named. */
const names = (line: string, camera: string): boolean =>
  new RegExp(`^demo-watch-1 +\\| \\d\\d:\\d\\d:\\d\\d +${camera} .* ms .*[A-Z]\\w+ [A-Z].* 0\\.\\d\\d`).test(line)

describe.skipIf(inject('dockerMissing') !== '')('docker compose', () => {
  let stack: Stack

  beforeAll(async () => {
    stack = await Stack.open()
  })
  afterAll(() => stack?.[Symbol.asyncDispose]())

  test('--profile demo up: builds, shows what Sightline says and nothing else, and Ctrl-C stops all', async () => {
    const child = await stack.attached('--profile', 'demo', 'up', '--no-color')
    const lines: string[] = []
    const named = new Promise<void>((resolve) => {
      child.onLine((line) => {
        lines.push(line)
        if (cameras.every((camera) => lines.some((one) => names(one, camera)))) resolve()
      })
    })
    const ended = child.exited.then((code) => Promise.reject(new Error(`ended with ${code}:\n${child.output()}`)))
    await Promise.race([named, ended])
    ended.catch(() => undefined)
    expect(lines.filter((line) => /^(kafka|qdrant|redis)-\d/.test(line))).toEqual([])
    expect(lines.filter((line) => line.includes('| {'))).toEqual([])
    // What is built here is in no registry.
    expect(child.output()).not.toMatch(/sightline\S* (Pulling|Warning|Error)|pull access denied/)
    child.signal('SIGINT')
    await child.exited
    expect((await stack.containers()).filter(({ State }) => State.Running)).toEqual([])
  })

  test('up -d: every service is ready, with the passwords of its secrets', async () => {
    await stack.compose('--profile', 'demo', 'up', '--detach', '--wait')
    for (const service of services) {
      expect(await stack.exec(service, 'sightline', 'status')).toMatchObject({
        code: 0,
        out: expect.stringMatching(/^ready\n/),
      })
    }
  })

  test('docker inspect shows no secret', async () => {
    const ids = (await stack.containers()).map(({ Id }) => Id)
    const shown = await stack.inspect(...ids)
    for (const value of Object.values(secrets)) expect(shown).not.toContain(value)
    expect(shown).toContain('/run/secrets/redis-url')
  })

  test('no container is root or writes to its root, and none has a volume without a name', async () => {
    for (const service of [...services, 'kafka', 'redis', 'demo-watch']) {
      expect((await stack.exec(service, 'id', '-u')).out.trim(), service).not.toBe('0')
    }
    for (const service of [...services, 'kafka', 'qdrant', 'redis']) {
      expect((await stack.exec(service, 'touch', '/written')).err, service).toContain('Read-only file system')
    }
    const volumes = (await stack.containers()).flatMap(({ Mounts }) => Mounts.filter(({ Type }) => Type === 'volume'))
    expect(volumes.length).toBeGreaterThan(4)
    expect(volumes.filter(({ Name = '' }) => !Name.startsWith('sightline-test-'))).toEqual([])
  })

  test('the image is no larger than it need be', async () => {
    const [{ Size }] = JSON.parse(await stack.inspect(stack.image)) as [{ Size: number }]
    expect(Size).toBeLessThan(mostImageBytes)
  })

  test('the topics are as the settings say, with a bound on what they keep', async () => {
    const list = ['run', '--rm', '--no-deps', 'topics', 'sightline', 'topics', 'list', '--strict'] as const
    expect(await stack.tryCompose(...list)).toMatchObject({ code: 0, out: expect.stringMatching(/frames +present\n/) })
    const other = await stack.tryCompose(...list, '--retention-gb', '5')
    expect(other).toMatchObject({
      code: 1,
      out: expect.stringContaining('retention.bytes is 625000000, not 312500000'),
    })
  })

  test('a models folder without models ends with 2, and says how to fill it', async () => {
    const args = ['run', '--rm', '--no-deps', '--env', 'SIGHTLINE_MODELS=/models', 'detector']
    const { code, out } = await stack.tryCompose(...args)
    expect(code, out).toBe(2)
    expect(out).toContain('docker compose --profile pp-shituv2 up')
    expect(out.match(/no models folder/g)).toHaveLength(1)
  })

  test('replicas stay over a further up', async () => {
    stack.set('EMBEDDER_REPLICAS', '3')
    for (let times = 0; times < 2; times += 1) {
      await stack.compose('--profile', 'demo', 'up', '--detach', '--wait')
      expect(await stack.containers('embedder')).toHaveLength(3)
    }
    stack.set('EMBEDDER_REPLICAS', '1')
  })

  test('down and up: the gallery is there, and no frame is recognized again', async () => {
    const gallery = async (): Promise<string> => (await stack.exec('matcher', 'sightline', 'gallery', 'list')).out
    const before = await gallery()
    expect(before).toMatch(/Lumbra Green Tea/)
    await stack.compose('--profile', 'demo', 'down')
    expect(await stack.containers()).toEqual([])

    await stack.compose('up', '--detach', '--wait')
    expect(await gallery()).toBe(before)
    await using books = new Books([stack.broker], topicNames())
    await books.publish([{ camera: 'after', bytes: await product(0) }])
    expect(await books.ends()).toEqual({ published: 1, events: 1, dead: 0, doubles: 0, missing: 0 })
  })

  test('a container of the command line starts nothing else, and reads every secret and certificate', async () => {
    await stack.compose('down')
    const help = ['run', '--rm', '--no-deps', 'topics', 'sightline', 'topics', 'create', '--help']
    expect(await stack.compose(...help)).toContain('Usage: sightline topics create')
    for (const variable of ['TLS_CA', 'TLS_CERT', 'TLS_KEY', 'SASL_PASSWORD_FILE']) {
      await stack.secret(`SIGHTLINE_KAFKA_${variable}`, `text of ${variable}\n`)
    }
    const script =
      'cat $SIGHTLINE_KAFKA_TLS_CA $SIGHTLINE_KAFKA_TLS_CERT $SIGHTLINE_KAFKA_TLS_KEY $SIGHTLINE_KAFKA_SASL_PASSWORD_FILE'
    for (const service of [...services, 'topics']) {
      const { out } = await stack.tryCompose('run', '--rm', '--no-deps', service, 'sh', '-c', script)
      expect(out.replaceAll('\r', '')).toBe(
        'text of TLS_CA\ntext of TLS_CERT\ntext of TLS_KEY\ntext of SASL_PASSWORD_FILE\n',
      )
    }
    expect(await stack.containers()).toEqual([])
  })
})
