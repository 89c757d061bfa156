/** The report: one file that refers to nothing outside itself and runs nothing that a label says. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecognitionEvent, RecognizedObject } from '@sightline/shared/contracts/recognition-event.ts'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { renderReport, writeReport } from '../../../views/report/html-report.ts'
import { itemsSeen, type ReportData, type ReportFrame, sample, stageTimes } from '../../../views/report/report-data.ts'

const evil = `<script>alert('x')</script>"><img src=http://evil.example onerror=alert(1)>\u202e\u001b[31m`

const picture = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#7a8' } })
  .jpeg()
  .toBuffer()

const object = (item: string | null, score: number, near = 'near'): RecognizedObject => ({
  box: [4, 4, 40, 40],
  detectionScore: 0.8,
  item,
  label: item,
  score,
  candidates: [{ item: item ?? near, label: item ?? near, score }],
})

const eventOf = (
  objects: readonly RecognizedObject[],
  totalMs = 10,
  skipped: string | null = null,
): RecognitionEvent => ({
  id: 'a',
  camera: 'cam',
  source: 'test',
  capturedAt: '2026-01-01T00:00:00.000Z',
  image: { width: 64, height: 48 },
  objects: [...objects],
  skipped,
  gallery: { revision: 3, entries: 5, items: 1 },
  models: { detector: { name: 'd', sha256: 'a'.repeat(64) }, embedder: { name: 'e', sha256: 'b'.repeat(64) } },
  thresholds: { detection: 0.4, recognition: 0.5 },
  timings: { decodeMs: 1, detectMs: 2, embedMs: 3, matchMs: 4, totalMs },
})

const frameOf = (event: RecognitionEvent, camera = 'cam'): ReportFrame => ({
  camera,
  name: 'frame-1.jpg',
  bytes: picture,
  outcome: { kind: 'event', event, drawn: picture },
})

const dataOf = (frames: readonly ReportFrame[]): ReportData => ({
  title: 'A run',
  createdAt: new Date('2026-01-01T12:00:00Z'),
  durationMs: 1234,
  machine: 'test machine',
  books: { frames: frames.length, events: frames.length, skipped: 0, deadLettered: 0 },
  frames,
  gallery: [{ item: 'tea', label: 'Tea', pictures: [picture] }],
  score: null,
})

describe('the report', () => {
  test('refers to nothing outside itself', async () => {
    const page = await renderReport(dataOf([frameOf(eventOf([object('tea', 0.9), object(null, 0.2)]))]))
    const references = [...page.matchAll(/(?:src|href|action|data|poster|srcset)="([^"]*)"/g)].map(([, to]) => to!)
    expect(references.length).toBeGreaterThan(3)
    expect(references.filter((to) => !to.startsWith('data:image/jpeg;base64,'))).toEqual([])
    expect(page).not.toMatch(/https?:|@import|url\(|<link|<iframe/)
    expect(page).toContain('default-src &#39;none&#39;')
  })

  test('shows labels, cameras, reasons and names as text, whatever they hold', async () => {
    const frames: ReportFrame[] = [
      frameOf(eventOf([object(evil, 0.9), object(null, 0.3, evil)]), evil),
      {
        camera: evil,
        name: evil,
        bytes: picture,
        outcome: { kind: 'deadLetter', stage: evil, code: evil, reason: evil },
      },
      frameOf(eventOf([], 1, evil)),
    ]
    const data = dataOf(frames)
    const page = await renderReport({
      ...data,
      title: evil,
      machine: evil,
      gallery: [{ item: evil, label: evil, pictures: [picture] }],
    })
    expect(page.match(/<script/g)).toHaveLength(1)
    expect(page).not.toContain('<img src=http')
    expect(page).toContain('&lt;script&gt;alert(&#39;x&#39;)')
    expect(page).not.toMatch(/\u202e|\p{Cc}\[31m/u)
  })

  test('has a place for long labels, emoji, pictures that cannot be read and for no frames at all', async () => {
    const frame = frameOf(eventOf([object('👩‍👩‍👧'.repeat(60), 0.9)]))
    const broken: ReportFrame = { ...frame, bytes: new Uint8Array([1, 2, 3]) }
    const page = await renderReport(dataOf([frame, broken, frameOf(eventOf([object(null, 0.1)]))]))
    expect(page).toContain('👩‍👩‍👧')
    expect(await renderReport({ ...dataOf([]), gallery: [] })).toContain('The books close')
  })

  test('says when the books do not close', async () => {
    const data = dataOf([])
    const page = await renderReport({ ...data, books: { frames: 5, events: 3, skipped: 0, deadLettered: 1 } })
    expect(page).toContain('1 unaccounted for')
  })

  test('is written as one file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'report-'))
    try {
      const path = await writeReport(join(folder, 'new'), dataOf([frameOf(eventOf([object('tea', 0.9)]))]))
      expect(await readdir(join(folder, 'new'))).toEqual(['index.html'])
      expect(await readFile(path, 'utf8')).toMatch(/^<!doctype html>/)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('what the report counts', () => {
  test('items by how often they were seen, with the best score and the cameras', () => {
    const frames = [
      frameOf(eventOf([object('tea', 0.7), object('soup', 0.9)]), 'a'),
      frameOf(eventOf([object('tea', 0.8), object(null, 0.1)]), 'b'),
    ]
    expect(itemsSeen(frames)).toEqual([
      { item: 'tea', label: 'tea', count: 2, cameras: ['a', 'b'], bestScore: 0.8 },
      { item: 'soup', label: 'soup', count: 1, cameras: ['a'], bestScore: 0.9 },
    ])
  })

  test('times of computed frames only', () => {
    const frames = [10, 30, 20, 40].map((ms) => frameOf(eventOf([], ms)))
    const skipped = frameOf(eventOf([], 99_999, 'stale'))
    expect(stageTimes([...frames, skipped]).at(-1)).toEqual({
      stage: 'total',
      least: 10,
      median: 30,
      p95: 40,
      most: 40,
    })
    expect(stageTimes([skipped])).toEqual([])
  })

  test('a long strip is thinned out evenly, but keeps what matters', () => {
    const list = Array.from({ length: 100 }, (_, index) => index)
    const kept = sample(list, 10, (one) => one === 55)
    expect(kept).toEqual([0, 10, 20, 30, 40, 50, 55, 60, 70, 80, 90])
    expect(sample(list, 100, () => false)).toBe(list)
  })
})
