/** Plays frames of several cameras through a pipeline as fast as it takes them, and waits until all have ended. */

import { subscribeAnswers } from '../pipeline/answers.ts'
import { Books } from '../pipeline/books.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'
import { encodeFrame } from '../shared/contracts/frame.ts'
import type { RecognitionEvent } from '../shared/contracts/recognition-event.ts'

const cameras = 4
const framesAhead = 48

/** Returns the seconds from the first frame to the last event. */
export async function play(
  pipeline: Pipeline,
  frames: readonly Uint8Array[],
  count: number,
  onEvent: (event: RecognitionEvent) => void,
): Promise<number> {
  const books = new Books()
  await using _answers = await subscribeAnswers(pipeline, 'bench', (answer) => {
    if (answer.kind === 'event') onEvent(answer.event)
    books.ended(answer)
  })
  const started = performance.now()
  for (let number = 0; number < count; number += 1) {
    await books.roomFor(framesAhead)
    books.published()
    const camera = `cam-${number % cameras}`
    await pipeline.bus.publish([
      encodeFrame(pipeline.topics.frames, { camera, bytes: frames[number % frames.length]! }),
    ])
  }
  await books.closed()
  return (performance.now() - started) / 1000
}
