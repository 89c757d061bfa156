/** docs/asyncapi.yaml is an AsyncAPI 3 document, and says what the code does. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type MessageInterface, Parser } from '@asyncapi/parser'
import { expect, test } from 'vitest'
import type { MessageLimit } from '../../../shared/bus/bus.ts'
import { frameIdHeader, leftOutHeader, redriveOfHeader } from '../../../shared/contracts/dead-letter.ts'
import { deadLetterTopic, defaultMessageLimit } from '../../../shared/contracts/dead-letter-topics.ts'
import { encodeFrame } from '../../../shared/contracts/frame.ts'
import {
  encodeRecognitionEvent,
  type RecognitionEvent,
  recognitionEventJsonSchema,
} from '../../../shared/contracts/recognition-event.ts'
import { defaultTopicPlan, planTopics } from '../../../shared/contracts/topic-plan.ts'
import { topicNames } from '../../../shared/contracts/topology.ts'
import { SightlineError } from '../../../shared/errors/errors.ts'
import { deadLetter } from '../../../shared/stage/dead-letters.ts'

const file = fileURLToPath(new URL('../../../docs/asyncapi.yaml', import.meta.url))
const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'), { source: file })
const channels = document?.channels().all() ?? []
const { frames, recognitions, ...others } = topicNames()
const traceHeaders = ['traceparent', 'tracestate']

interface HeaderSchema {
  readonly required?: readonly string[]
  readonly properties: Readonly<Record<string, { readonly const?: string }>>
}

const messageOf = (topic: string): MessageInterface => {
  const [message] = channels
    .find((channel) => channel.address() === topic)!
    .messages()
    .all()
  return message!
}
const headersOf = (topic: string): HeaderSchema => messageOf(topic).headers()!.json() as HeaderSchema
const namesOf = (topic: string): readonly string[] => Object.keys(headersOf(topic).properties)

test('it is valid', () => {
  const errors = diagnostics.filter(({ severity }) => severity === 0).map(({ message, path }) => `${path}: ${message}`)
  expect(errors).toEqual([])
  expect(document?.version()).toBe('3.0.0')
})

test('it names every topic, set up as the command creates it', () => {
  const documented = channels.map((channel) => [
    channel.address(),
    (channel.bindings().get('kafka')!.value() as { topicConfiguration: object }).topicConfiguration,
  ])
  const planned = planTopics(defaultTopicPlan).map(({ name, config }) => {
    const { 'cleanup.policy': policy, 'retention.ms': retention, 'max.message.bytes': bytes } = config
    return [
      name,
      {
        'cleanup.policy': [policy],
        ...(retention === undefined ? {} : { 'retention.ms': Number(retention) }),
        'max.message.bytes': Number(bytes),
      },
    ]
  })
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(planned))
})

test('a frame may have the headers that are read and written', () => {
  const whole = { camera: 'cam-1', bytes: new Uint8Array(), id: '7', source: 'file.jpg', capturedAt: new Date(0) }
  const written = Object.keys(encodeFrame(frames, whole).headers)
  expect(namesOf(frames).toSorted()).toEqual([...written, redriveOfHeader, ...traceHeaders].toSorted())
  // Plain bytes with a key are enough.
  expect(headersOf(frames).required).toBeUndefined()
  expect(encodeFrame(frames, { camera: 'cam-1', bytes: new Uint8Array() }).headers).toEqual({})
})

test('an event has the headers and the schema that are published', () => {
  const event = { id: 'cam 1:7', camera: 'cam 1', capturedAt: '2026-01-02T03:04:05.678Z' } as RecognitionEvent
  const { headers } = encodeRecognitionEvent(recognitions, event)
  const { required, properties } = headersOf(recognitions)
  expect([...required!].toSorted()).toEqual([...Object.keys(headers), frameIdHeader].toSorted())
  expect(Object.keys(properties).toSorted()).toEqual([...required!, ...traceHeaders].toSorted())
  for (const [name, { const: value }] of Object.entries(properties)) if (value) expect(headers[name]).toBe(value)
  // As JSON: the parser marks what it has read with keys of its own.
  const payload = messageOf(recognitions).payload()!.json() as object
  expect(withoutMarks(payload)).toEqual(recognitionEventJsonSchema())
})

test.each([frames, others.detections, others.embeddings])(
  'a dead letter of %s has the headers it is given',
  (topic) => {
    const delivery = { topic, partition: 0, offset: 0n, timestamp: 0, key: 'cam-1', value: null, headers: {} }
    const failure = { stage: 'detector', error: new SightlineError('IMAGE_UNREADABLE', 'not a picture'), time: 0 }
    const namesOfLetter = (limit: MessageLimit): readonly string[] =>
      Object.keys(deadLetter(delivery, { [frameIdHeader]: 'cam-1@frames-0-0' }, failure, limit).headers).toSorted()
    const { required, properties } = headersOf(deadLetterTopic(topic))
    expect(namesOfLetter(defaultMessageLimit)).toEqual([...required!].toSorted())
    expect(namesOfLetter(() => 0)).toEqual([...required!, leftOutHeader].toSorted())
    expect(Object.keys(properties)).toContain(leftOutHeader)
  },
)

test('what lies between the services has the frame’s id and its trace', () => {
  for (const topic of [others.detections, others.embeddings]) {
    expect(namesOf(topic).toSorted()).toEqual([frameIdHeader, ...traceHeaders].toSorted())
  }
})

function withoutMarks(value: object): unknown {
  return JSON.parse(JSON.stringify(value, (key, part) => (key.startsWith('x-parser-') ? undefined : part)))
}
