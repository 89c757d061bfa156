/** Medians and other quantiles of what was measured. */

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Between the two nearest values in proportion; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const [lower, upper] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  if (lower === undefined || upper === undefined) return Number.NaN
  return lower + (upper - lower) * (at - Math.floor(at))
}

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
