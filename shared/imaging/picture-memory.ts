/** Shares out the memory that pictures may take at one time, first come first served: a few large ones never end the process. */
import { totalmem } from 'node:os'
import { SightlineError } from '../errors/errors.ts'

/** The part of a picture memory that one picture has, from its header until its pixels are no longer needed. */
export interface Room extends Disposable {
  /**
   * Sets what the picture takes from now on to `bytes`. Less is given back at once; for more it first gives back all that it
   * has and then waits its turn. Throws IMAGE_TOO_LARGE for what could never be had.
   */
  need(bytes: number): Promise<void>
}

interface Waiting {
  readonly bytes: number
  readonly go: () => void
}

export class PictureMemory {
  readonly #bytes: number
  readonly #queue: Waiting[] = []
  #free: number

  /** @param bytes what all pictures together may take. */
  constructor(bytes: number) {
    this.#bytes = bytes
    this.#free = bytes
  }

  room(): Room {
    let held = 0
    const give = (bytes: number): void => {
      held -= bytes
      this.#free += bytes
      this.#serve()
    }
    return {
      need: async (bytes) => {
        if (bytes <= held) return give(held - bytes)
        if (bytes > this.#bytes) throw tooLarge(bytes, this.#bytes)
        give(held)
        await this.#take(bytes)
        held = bytes
      },
      [Symbol.dispose]: () => give(held),
    }
  }

  #take(bytes: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#queue.push({ bytes, go: resolve })
    this.#serve()
    return promise
  }

  /** In order: a large picture would wait for ever if small ones went past it. */
  #serve(): void {
    for (let first = this.#queue[0]; first !== undefined && first.bytes <= this.#free; first = this.#queue[0]) {
      this.#queue.shift()
      this.#free -= first.bytes
      first.go()
    }
  }
}

/** The rest is for what networks take for larger batches, for encoded pictures, and for what is freed but not yet given back. */
const share = 0.5

/** Bytes for pictures in a process that is up: a share of what its container (cgroup v1 or v2) or machine has left for it. */
export function memoryForPictures(): number {
  const limit = process.constrainedMemory()
  const most = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  return Math.max(Math.floor((most - process.memoryUsage.rss()) * share), 0)
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`

const tooLarge = (bytes: number, most: number): SightlineError =>
  new SightlineError(
    'IMAGE_TOO_LARGE',
    `decoding the picture takes up to ${mebibytes(bytes)}; pictures have ${mebibytes(most)} of this process: give it more memory, or send smaller pictures`,
  )
