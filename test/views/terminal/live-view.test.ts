/** What a person sees in the terminal: one safe line an event, and books that close. */
import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import type { RecognitionEvent, RecognizedObject } from '@sightline/shared/contracts/recognition-event.ts'
import { describe, expect, test } from 'vitest'
import { deadLetterLine, eventLine, printable, summaryLine } from '../../../views/terminal/live-view.ts'
import { openProgress } from '../../../views/terminal/progress.ts'
import { coloured, plain, styleFor } from '../../../views/terminal/style.ts'

const object = (label: string | null, score = 0.91): RecognizedObject => ({
  box: [0, 0, 1, 1],
  detectionScore: 0.9,
  item: label,
  label,
  score,
  candidates: [],
})

const eventOf = (objects: readonly RecognizedObject[], changes: Partial<RecognitionEvent> = {}): RecognitionEvent => ({
  id: 'shelf:3',
  camera: 'shelf',
  source: 'shelf-03.jpg',
  capturedAt: '2026-01-01T12:00:01.000Z',
  image: null,
  objects: [...objects],
  skipped: null,
  gallery: { revision: 1, entries: 0, items: 0 },
  models: { detector: { name: 'd', sha256: '' }, embedder: { name: 'e', sha256: '' } },
  thresholds: { detection: 0.4, recognition: 0.5 },
  timings: { decodeMs: 0, detectMs: 0, embedMs: 0, matchMs: 0, totalMs: 84.6 },
  ...changes,
})

describe('an event', () => {
  test('is one line with time, camera, source, latency, names and scores, the unknown named so', () => {
    expect(eventLine(eventOf([object('Cola 330 ml'), object(null, 0.34)]))).toBe(
      '12:00:01  shelf      shelf-03.jpg       85 ms  Cola 330 ml 0.91 · unknown 0.34',
    )
  })

  test('says when nothing is in view, and when the frame was skipped', () => {
    expect(eventLine(eventOf([]))).toMatch(/nothing in view$/)
    expect(eventLine(eventOf([], { skipped: 'stale' }))).toMatch(/skipped: stale$/)
  })

  test('keeps its columns whatever the camera and the time it took', () => {
    const columns = [1, 20_000].map((totalMs) =>
      eventLine(
        eventOf([object('Tea')], {
          camera: totalMs === 1 ? 'a' : 'conveyor',
          timings: { ...eventOf([]).timings, totalMs },
        }),
      ).indexOf('Tea'),
    )
    expect(columns[0]).toBe(columns[1])
  })

  test.each([
    ['terminal escapes', '\u001b[31mred\u001b]0;title\u0007\u009b2J'],
    ['line breaks', 'two\nlines\r\u2028more'],
    ['direction overrides', 'abc\u202edef\u2066'],
    ['half a surrogate pair', 'x\ud83d'],
  ])('with %s in all its texts is one line without control characters', (_what, text) => {
    const line = eventLine(eventOf([object(text)], { camera: text, source: text, skipped: null }))
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u)
    expect(deadLetterLine({ kind: 'deadLetter', frameId: text, stage: text, code: text, reason: text })).not.toMatch(
      /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u,
    )
  })

  test('tells a crowd by item, and what did not fit', () => {
    const crowd = [
      ...Array.from({ length: 9 }, () => object('Tea')),
      object('Cola'),
      object(null),
      object(null),
      object(null),
    ]
    const line = eventLine(eventOf(crowd, { truncated: { found: 300, kept: 13 } }))
    expect(line).toMatch(/9 × Tea 0\.91 · Cola 0\.91 · 3 × unknown \d\.\d\d \(only 13 of 300 boxes fit a message\)$/)
  })

  test('keeps emoji whole and shortens a label of two hundred characters', () => {
    expect(printable('👩‍👩‍👧 family')).toBe('👩‍👩‍👧 family')
    expect(eventLine(eventOf([object('long '.repeat(40))])).length).toBeLessThan(110)
    expect(eventLine(eventOf([object('👩‍👩‍👧'.repeat(100))]))).toMatch(/ (👩‍👩‍👧){39}… 0\.91$/u)
  })
})

describe('colours', () => {
  test('add nothing but colours, and only where wanted', () => {
    const event = eventOf([object('Tea'), object(null)])
    const line = eventLine(event, coloured)
    expect(line).not.toBe(eventLine(event))
    expect(stripVTControlCharacters(line)).toBe(eventLine(event))
  })

  test('are for terminals, unless NO_COLOR or a dumb terminal says otherwise', () => {
    expect(styleFor(true, {})).toBe(coloured)
    expect(styleFor(true, { NO_COLOR: '' })).toBe(coloured)
    expect(styleFor(true, { NO_COLOR: '1' })).toBe(plain)
    expect(styleFor(true, { TERM: 'dumb' })).toBe(plain)
    expect(styleFor(false, {})).toBe(plain)
  })
})

describe('the books', () => {
  test('close when every frame is an event or a dead letter', () => {
    expect(summaryLine({ frames: 72, events: 71, deadLettered: 1, skipped: 3 })).toBe(
      '72 frames = 71 events + 1 dead letter · 3 skipped',
    )
  })

  test('say aloud what is missing', () => {
    expect(summaryLine({ frames: 5, events: 3, deadLettered: 0, skipped: 0 })).toContain('+ 2 UNACCOUNTED FOR')
  })

  test('a dead letter tells the frame, the stage and the reason', () => {
    const line = deadLetterLine({
      kind: 'deadLetter',
      frameId: 'checkout:09',
      stage: 'detector',
      code: 'IMAGE_UNREADABLE',
      reason: 'premature end',
    })
    expect(line).toBe(
      '--:--:--  checkout   09                    --  dead letter at the detector: IMAGE_UNREADABLE: premature end',
    )
  })
})

describe('progress', () => {
  const terminalStream = (): PassThrough => Object.assign(new PassThrough(), { isTTY: true, columns: 80 })

  test('is shown to a person', () => {
    const stream = terminalStream()
    {
      using progress = openProgress({ isInteractive: true }, 'reading', 3, stream)
      progress.advance()
      progress.end()
    }
    expect(String(stream.read())).toContain('reading')
  })

  test('is silent elsewhere', () => {
    const stream = terminalStream()
    using progress = openProgress({ isInteractive: false }, 'reading', 3, stream)
    progress.advance()
    expect(stream.read()).toBeNull()
  })
})
