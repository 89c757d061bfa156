/** Sends frames through the pipeline and brings back what became of each: exactly one answer a frame. */
import type { Delivery } from '@sightline/shared/bus/bus.ts'
import { type Answer, deadLetterOf, eventAnswer } from '@sightline/shared/contracts/answer.ts'
import { encodeFrame, type FrameToPublish } from '@sightline/shared/contracts/frame.ts'
import { frameId } from '@sightline/shared/contracts/ids.ts'
import { deadLetterTopics } from '@sightline/shared/contracts/topology.ts'
import { describeError, SightlineError } from '@sightline/shared/errors/errors.ts'
import type { Pipeline } from './pipeline.ts'

/** Calls `onAnswer` for every frame that ends, in the order they end, until disposed. */
export async function subscribeAnswers(
  { bus, topics }: Pipeline,
  group: string,
  onAnswer: (answer: Answer) => void,
): Promise<AsyncDisposable> {
  await using scope = new AsyncDisposableStack()
  const read = async (topic: string, toAnswer: (delivery: Delivery) => Answer): Promise<void> => {
    const subscription = await bus.subscribe({ group, topic, maxBatch: 64 }, (batch) => {
      for (const delivery of batch) onAnswer(toAnswer(delivery))
      return Promise.resolve([])
    })
    scope.use(subscription)
  }
  await read(topics.recognitions, eventAnswer)
  for (const topic of deadLetterTopics(topics)) await read(topic, deadLetterOf)
  return scope.move()
}

/** A frame to recognize, or why there is none in its place. */
export type FrameOrError =
  | (FrameToPublish & { readonly id: string })
  | { readonly id: string; readonly error: SightlineError }

/**
 * Publishes the frames, at most `window` ahead of their answers, and yields the answers in the frames' order.
 * Every frame needs an id of its own. Stops publishing when `stop` aborts; what is under way is still answered.
 */
export async function* recognizeInOrder(
  pipeline: Pipeline,
  frames: AsyncIterable<FrameOrError>,
  stop: AbortSignal,
  window = 64,
): AsyncGenerator<Answer> {
  const answers = new Map<string, PromiseWithResolvers<Answer>>()
  await using _answers = await subscribeAnswers(pipeline, 'recognize', (answer) => {
    answers.get(answer.frameId)?.resolve(answer)
  })
  const broken = pipeline.closed.then((): never => {
    throw new Error('the pipeline closed before every frame was answered')
  })
  broken.catch(() => undefined)
  const next = async (): Promise<Answer> => {
    const [id, { promise }] = answers.entries().next().value!
    const answer = await Promise.race([promise, broken])
    answers.delete(id)
    return answer
  }
  for await (const frame of frames) {
    if (stop.aborted) break
    const answer = Promise.withResolvers<Answer>()
    const id = 'error' in frame ? frame.id : frameId(frame.camera, '', frame.id)
    answers.set(id, answer)
    try {
      if ('error' in frame) throw frame.error
      await pipeline.bus.publish([encodeFrame(pipeline.topics.frames, frame)])
    } catch (error) {
      if (!(error instanceof SightlineError) || error.retryable) throw error
      answer.resolve({
        kind: 'deadLetter',
        frameId: id,
        stage: 'publish',
        code: error.code,
        reason: describeError(error),
      })
    }
    if (answers.size >= window) yield await next()
  }
  while (answers.size > 0) yield await next()
}
