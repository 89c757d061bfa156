/** Repeatable noise: the same bytes as `noise` in test/golden/make_golden.py. */
export function noise(count: number, seed: number): Uint8Array<ArrayBuffer> {
  const values = new Uint8Array(count)
  let state = seed
  for (let index = 0; index < count; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    values[index] = state >>> 24
  }
  return values
}
