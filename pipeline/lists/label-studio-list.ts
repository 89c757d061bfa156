/** Label Studio's export (JSON or JSON-MIN) as a list: each rectangle is a picture of its label, a choice one of the whole. */
import { z } from 'zod'
import type { Part } from '../enrolled-file.ts'
import { type LabelFile, ListCollector, type Listed } from './list-collector.ts'

/** In hundredths of the picture's width and height; turned boxes are not upright ones. */
const rectangle = z.object({
  x: z.number(),
  y: z.number(),
  width: z.number(),
  height: z.number(),
  rotation: z.number().optional(),
  rectanglelabels: z.array(z.string()).min(1),
})
const choice = z.object({ choices: z.array(z.string()).min(1) })

const taskSchema = z.object({
  data: z.record(z.string(), z.unknown()),
  annotations: z.array(
    z.object({
      was_cancelled: z.boolean().optional(),
      result: z.array(z.object({ type: z.string().optional(), value: z.unknown() })),
    }),
  ),
})

/** A picture's own extension, or that of a path in Label Studio's file server. */
const picturePath = /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|heic)$/i

/** Whether it looks like one: JSON of an array whose first is a task. */
export const isLabelStudio = (found: unknown): found is readonly unknown[] =>
  Array.isArray(found) &&
  found.some((task) => {
    const { data, annotations, annotation_id: min } = Object(task) as Record<string, unknown>
    return (data !== undefined && annotations !== undefined) || min !== undefined
  })

export function parseLabelStudio(tasks: readonly unknown[], root: string): LabelFile {
  const list = new ListCollector(root, 'task', 'data.image and a rectangle with its label')
  for (const [index, task] of tasks.entries()) {
    for (const found of listedIn(task)) list.take(index + 1, found)
  }
  return list.end()
}

/** The pictures of a task, and why others are none. */
function listedIn(task: unknown): readonly (Listed | string)[] {
  const { data: whole } = taskSchema.safeParse(task)
  if (whole === undefined) return listedInMinimal(Object(task) as Record<string, unknown>)
  const path = imageIn(whole.data)
  if (path === undefined) return ['its data names no picture']
  const results = whole.annotations.filter((one) => one.was_cancelled !== true).flatMap(({ result }) => result)
  return results.flatMap(({ value }) => shownBy(path, value) ?? [])
}

/** JSON-MIN: the data's fields and the results' lie beside each other. */
function listedInMinimal(fields: Readonly<Record<string, unknown>>): readonly (Listed | string)[] {
  const path = imageIn(fields)
  if (path === undefined) return ['it is no task with a picture']
  const values = Object.values(fields).filter(Array.isArray).flat() as unknown[]
  const { choice: chosen } = fields
  return [
    ...values.flatMap((value) => shownBy(path, value) ?? []),
    ...(typeof chosen === 'string' ? [{ path, label: chosen }] : []),
  ]
}

/** Undefined for what says nothing of a picture's item: a text, a rating. */
function shownBy(path: string, value: unknown): Listed | string | undefined {
  const { data: box } = rectangle.safeParse(value)
  if (box !== undefined) {
    if ((box.rotation ?? 0) % 360 !== 0) return 'a rectangle is turned: draw it upright'
    const { x, y, width, height, rectanglelabels } = box
    const part: Part = { box: [x, y, x + width, y + height], unit: 'percent' }
    return { path, label: rectanglelabels[0]!.trim(), part }
  }
  const { data: chosen } = choice.safeParse(value)
  return chosen && { path, label: chosen.choices[0]!.trim() }
}

/** Of `image`, else of any field that names a picture; without what is Label Studio's own in front. */
function imageIn(data: Readonly<Record<string, unknown>>): string | undefined {
  const texts = [data['image'], ...Object.values(data)].filter((one) => typeof one === 'string')
  const found = texts.find((text) => picturePath.test(text.split('&')[0]!)) ?? texts[0]
  if (found === undefined) return undefined
  const local = /[?&]d=([^&]+)/.exec(found)?.[1]
  if (local !== undefined) return decoded(local)
  const upload = /\/data\/upload\/(?:\d+\/)?(.+)$/.exec(found)?.[1]
  if (upload !== undefined) return decoded(upload)
  return /^[a-z0-9]+:\/\//i.test(found) ? decoded(new URL(found).pathname.replace(/^\/+/, '')) : found
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    // A percent sign of its own.
    return path
  }
}
