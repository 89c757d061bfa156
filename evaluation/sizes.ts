/** Which objects are missed, by their size: what a picture shows small is what a detector misses first. */
import { area, type Corners } from '@sightline/shared/geometry/boxes.ts'
import type { Figures } from './figures.ts'

/** Sides of objects as shares of the picture's: the root of their share of its area. */
const limits = [0.03, 0.06, 0.12, 0.24] as const

const names = [
  ...limits.map((limit, index) => {
    const percent = (share: number): number => Math.round(share * 100)
    return index === 0 ? `under ${percent(limit)} %` : `${percent(limits[index - 1]!)} to ${percent(limit)} %`
  }),
  `over ${Math.round(limits.at(-1)! * 100)} %`,
]

/** Counts objects and the missed ones among them. */
export class MissedBySize {
  readonly #objects = names.map(() => 0)
  readonly #missed = names.map(() => 0)

  count(box: Corners, picture: { readonly width: number; readonly height: number }, isFound: boolean): void {
    const side = Math.sqrt(area(box) / (picture.width * picture.height))
    const above = limits.findIndex((limit) => side < limit)
    const index = above < 0 ? limits.length : above
    this.#objects[index]! += 1
    if (!isFound) this.#missed[index]! += 1
  }

  /** Of each size that there is: `objects of 3 to 6 %`, and `missed of` them. */
  figures(): Figures {
    return Object.fromEntries(
      names.flatMap((name, index) =>
        this.#objects[index] === 0
          ? []
          : [
              [`objects of ${name}`, this.#objects[index]!],
              [`missed of ${name}`, this.#missed[index]!],
            ],
      ),
    )
  }
}
