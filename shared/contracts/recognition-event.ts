/** The public event: one a frame, what is in view, where, and which gallery item it is. Types and JSON Schema come from this one definition. */
import { z } from 'zod'
import type { Publication } from '../bus/bus.ts'

const modelSchema = z.object({
  name: z.string(),
  sha256: z.string(),
  precision: z
    .literal('int8')
    .optional()
    .describe('Where the int8 form of the model ran, not the model itself; their vectors go together'),
})

const candidateSchema = z.object({
  item: z.string().describe('Gallery item'),
  label: z.string().describe("The item's name for people"),
  score: z.number().describe('Cosine similarity of the most similar picture of the item, -1..1'),
})

const objectSchema = z.object({
  box: z
    .tuple([z.number(), z.number(), z.number(), z.number()])
    .describe('[x1, y1, x2, y2] in pixels of the frame, EXIF orientation applied'),
  detectionScore: z.number().describe('0..1; 0 where the box is the whole frame because nothing was detected'),
  item: z.string().nullable().describe('The recognized gallery item; null is the explicit unknown'),
  label: z.string().nullable(),
  score: z.number().describe('Cosine similarity of the best candidate; 0 where the gallery is empty'),
  candidates: z.array(candidateSchema).describe('The most similar items, best first, below the threshold too'),
})

const sceneSchema = z.object({
  mode: z.enum(['normal', 'dense']).describe('dense: in tiles too, because it was asked for or the frame is crowded'),
  tiles: z
    .object({ columns: z.int(), rows: z.int() })
    .describe('1 and 1 where the frame was looked at as a whole alone'),
  maxBoxes: z.int().describe('Most boxes that the frame could have'),
})

export const recognitionEventSchema = z
  .object({
    id: z.string().describe('Derived from the frame: the same frame gives the same id'),
    camera: z.string(),
    source: z.string().describe('Where the frame came from: ce_source, else its position in the log'),
    capturedAt: z.iso.datetime().describe('ce_time of the frame, else when it was published'),
    image: z
      .object({ width: z.int(), height: z.int() })
      .nullable()
      .describe('Pixels; null where the frame was skipped before it was decoded'),
    objects: z.array(objectSchema).describe('Recognized ones first, best score first'),
    skipped: z.string().nullable().describe('Why the frame was not computed (stale); null where it was'),
    gallery: z.object({
      revision: z.int().describe('Grows with every change of the gallery'),
      entries: z.int().describe('Enrolled pictures'),
      items: z.int().describe('Distinct items'),
    }),
    models: z.object({ detector: modelSchema, embedder: modelSchema }),
    thresholds: z.object({ detection: z.number(), recognition: z.number() }),
    scene: sceneSchema.optional().describe('Not given where the frame was not computed'),
    truncated: z
      .object({
        found: z.int().describe('Boxes in the frame'),
        kept: z.int().describe('Those with the best detection scores, that were looked at'),
      })
      .optional()
      .describe('Given where the crops of all boxes did not fit a message of the topic between detector and embedder'),
    timings: z
      .object({
        decodeMs: z.number(),
        detectMs: z.number(),
        embedMs: z.number(),
        matchMs: z.number(),
        totalMs: z.number().describe('From capturedAt to the event'),
      })
      .describe('Waiting for a place in a batch included'),
  })
  .describe('What Sightline saw in one camera frame')

export type RecognitionEvent = z.infer<typeof recognitionEventSchema>
export type RecognizedObject = RecognitionEvent['objects'][number]
export type Candidate = z.infer<typeof candidateSchema>

/** CloudEvents type of the event; its number grows when a field changes its meaning. */
export const recognitionEventType = 'io.sightline.recognition.v1'

/** The event as a CloudEvents-binary message: attributes in headers, plain JSON as the value. */
export function encodeRecognitionEvent(topic: string, event: RecognitionEvent): Publication {
  return {
    topic,
    key: event.camera,
    value: new TextEncoder().encode(JSON.stringify(event)),
    headers: {
      ce_specversion: '1.0',
      ce_type: recognitionEventType,
      ce_id: event.id,
      ce_source: `/cameras/${encodeURIComponent(event.camera)}`,
      ce_time: event.capturedAt,
      ce_subject: event.camera,
      'content-type': 'application/json',
    },
  }
}

/** What services can be set to, and a little more: a message with more parts than an event has would take minutes to check. */
const [maxObjects, maxParts] = [2_000, 120_000]

/** Null where a message is no event: anyone may write to a topic. */
export function readRecognitionEvent(value: Uint8Array | null): RecognitionEvent | null {
  let found: unknown
  try {
    found = JSON.parse(new TextDecoder().decode(value ?? undefined))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  return hasTooMany(found) ? null : (recognitionEventSchema.safeParse(found).data ?? null)
}

function hasTooMany(found: unknown): boolean {
  const { objects } = Object(found) as { objects?: unknown }
  if (!Array.isArray(objects)) return false
  if (objects.length > maxObjects) return true
  const lengths = objects.map((one: unknown) => {
    const { candidates, box } = Object(one) as { candidates?: unknown; box?: unknown }
    return (Array.isArray(candidates) ? candidates.length : 0) + (Array.isArray(box) ? box.length : 0)
  })
  return lengths.reduce((sum, length) => sum + length, 0) > maxParts
}

/** The published JSON Schema (draft 2020-12) of the event's value. */
export const recognitionEventJsonSchema = (): unknown => z.toJSONSchema(recognitionEventSchema)
