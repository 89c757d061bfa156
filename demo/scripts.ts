/** What happens before each sample camera, frame by frame: which product stands where. Pure and the same for the same seed. */
import { type Product, products } from './products.ts'
import type { Random } from './random.ts'
import type { Placement } from './rasterize.ts'
import { boards } from './rooms.ts'

export interface Staged {
  readonly product: Product
  readonly placement: Placement
}

/** The products before the camera in one frame; a camera's script is a list of them. */
export type Moment = readonly Staged[]

/** Every third product is one that is not enrolled; within each kind all come up before one comes again. */
function dealer(random: Random): () => Product {
  const deckOf = (isEnrolled: boolean): (() => Product) => {
    let deck: Product[] = []
    return () => {
      if (deck.length === 0)
        deck = shuffled(
          products.filter((product) => product.isEnrolled === isEnrolled),
          random,
        )
      return deck.pop()!
    }
  }
  const [known, unknown] = [deckOf(true), deckOf(false)]
  let dealt = 0
  return () => {
    dealt += 1
    return dealt % 3 === 0 ? unknown() : known()
  }
}

function shuffled<T>(things: readonly T[], random: Random): T[] {
  const order = [...things]
  for (let at = order.length - 1; at > 0; at -= 1) {
    const other = random.integer(0, at)
    const thing = order[at]!
    order[at] = order[other]!
    order[other] = thing
  }
  return order
}

const turn = (random: Random, spread: number, most: number): number =>
  Math.max(-most, Math.min(most, random.normal() * spread))

/** Packages stand on two boards; now and then a customer takes one, puts one back or pushes one before another. */
export function shelfScript(random: Random, frames: number): readonly Moment[] {
  const deal = dealer(random.fork('products'))
  // Every second place is at the back of the board: what stands there is partly hidden by its neighbours.
  const places = boards.flatMap((y) =>
    [-38, -22, -7, 8, 23, 38].map((x, index) => ({ x, y, z: index % 2 === 0 ? -4 : -17 })),
  )
  const standing = new Map<number, Staged>()
  const place = (index: number): void => {
    const { x, y, z } = places[index]!
    const position = [x + random.normal() * 2, y, z + random.normal() * 1.2] as const
    standing.set(index, { product: deal(), placement: { position, lift: 0, yaw: turn(random, 13, 32), tip: 0 } })
  }
  for (const index of [0, 3, 4, 7, 10]) place(index)
  const moments: Moment[] = []
  for (let frame = 0; frame < frames; frame += 1) {
    if (frame > 0 && frame % 2 === 0) {
      const index = random.integer(0, places.length - 1)
      if (standing.has(index)) standing.delete(index)
      else if (standing.size < 5) place(index)
      // A full shelf: the oldest package goes, and the next one comes to its place.
      else {
        const oldest = [...standing.keys()][0]!
        standing.delete(oldest)
        place(oldest)
      }
    }
    moments.push([...standing.values()])
  }
  return moments
}

/** Packages lie on the counter and are pushed over it one after the other; between two customers it is empty. */
export function checkoutScript(random: Random, frames: number): readonly Moment[] {
  return passing(random, frames, {
    from: 52,
    to: -52,
    step: -13,
    gap: () => random.integer(2, 4),
    pause: () => random.integer(10, 12),
    place: ({ shape }, x) => ({
      position: [x, 0, random.between(6, 20)],
      lift: 'depth' in shape ? shape.depth / 2 : shape.radius,
      yaw: turn(random, 11, 26),
      tip: 90,
    }),
  })
}

/** Packages stand on the belt in irregular distances and turn a little from frame to frame; at times none is there. */
export function conveyorScript(random: Random, frames: number): readonly Moment[] {
  return passing(random, frames, {
    from: -68,
    to: 68,
    step: 16,
    gap: () => random.integer(2, 3),
    pause: () => random.integer(10, 13),
    place: (_product, x) => ({ position: [x, 0, random.between(-9, 9)], lift: 0, yaw: turn(random, 17, 38), tip: 0 }),
  })
}

interface Passage {
  /** x in cm where things come into view and where they are gone. */
  readonly from: number
  readonly to: number
  readonly step: number
  /** Frames until the next thing comes. */
  readonly gap: () => number
  /** The same after every fourth thing: long enough that nothing is in view. */
  readonly pause: () => number
  readonly place: (product: Product, x: number) => Placement
}

function passing(random: Random, frames: number, { from, to, step, gap, pause, place }: Passage): readonly Moment[] {
  const deal = dealer(random.fork('products'))
  const moments: Staged[][] = Array.from({ length: frames }, () => [])
  const duration = Math.round((to - from) / step)
  // The first came into view before the camera was switched on.
  for (let arrival = -4, count = 1; arrival < frames; arrival += count % 4 === 0 ? pause() : gap(), count += 1) {
    const product = deal()
    const first = place(product, from)
    const drift = random.normal() * 1.5
    for (let passed = 0; passed <= duration; passed += 1) {
      const [x, y, z] = first.position
      const placement = { ...first, position: [x + passed * step, y, z] as const, yaw: first.yaw + passed * drift }
      moments[arrival + passed]?.push({ product, placement })
    }
  }
  return moments
}
