/** The sample cameras' frames, with the truth about what is where in each. */
import { seededRandom } from './random.ts'
import { checkoutRoom, conveyorRoom, shelfRoom } from './rooms.ts'
import { checkoutScript, conveyorScript, shelfScript } from './scripts.ts'
import { openSet, type Shot, type Stock } from './shooting.ts'

export interface SceneFrame extends Shot {
  readonly camera: string
  /** 0, 1, 2 … for each camera. */
  readonly index: number
}

export const cameras = [
  { camera: 'shelf', room: shelfRoom, script: shelfScript },
  { camera: 'checkout', room: checkoutRoom, script: checkoutScript },
  { camera: 'conveyor', room: conveyorRoom, script: conveyorScript },
] as const

/** The frames of all cameras, one of each in turn; the same for the same seed. */
export async function* sceneFrames(stock: Stock, seed: string, framesEach: number): AsyncGenerator<SceneFrame> {
  const random = seededRandom(seed)
  const sets = await Promise.all(
    cameras.map(async ({ camera, room, script }) => ({
      camera,
      set: await openSet(await room(random.fork(`${camera}/room`))),
      moments: script(random.fork(`${camera}/script`), framesEach),
    })),
  )
  for (let index = 0; index < framesEach; index += 1) {
    for (const { camera, set, moments } of sets) {
      const shot = random.fork(`${camera}/${index}`)
      yield { camera, index, ...(await set.shoot(moments[index]!, stock, shot)) }
    }
  }
}
