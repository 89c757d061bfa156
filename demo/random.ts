/** Random numbers that are the same on every machine for the same seed, with a stream of its own for each purpose. */

export interface Random {
  /** 0 ≤ x < 1. */
  next(): number
  between(low: number, high: number): number
  /** Mean 0, standard deviation 1. */
  normal(): number
  /** low ≤ n ≤ high. */
  integer(low: number, high: number): number
  pick<T>(choices: readonly T[]): T
  /** Another stream: what is drawn from it changes nothing in this one. */
  fork(purpose: string): Random
}

/** Streams by name, so that a change in one picture leaves all others as they are. */
export function seededRandom(seed: string): Random {
  let state = hash(seed)
  // Mulberry32 (Tommy Ettinger, public domain): 32 bits of state, passes gjrand; enough for pictures.
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    next,
    between: (low, high) => low + (high - low) * next(),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    integer: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick: (choices) => choices[Math.floor(next() * choices.length)]!,
    fork: (purpose) => seededRandom(`${seed}/${purpose}`),
  }
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return value | 0
}
