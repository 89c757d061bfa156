/** Building blocks of settings: each takes a text, as an environment variable or a flag gives it, and says what it takes instead. */
import { z } from 'zod'

export const take = {
  text: () => z.string('give a text'),
  /** Comma-separated. */
  list: () =>
    z.string('give a list, separated by commas').transform((text) =>
      text
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== ''),
    ),
  switch: () => z.enum(['true', 'false'], 'takes true or false').transform((text) => text === 'true'),
  choice: <const Choices extends readonly [string, ...string[]]>(choices: Choices) =>
    z.enum(choices, `takes ${choices.join(', ')}`),
  parsed: <Value>(parse: (text: string) => Value | undefined, message: string) =>
    z.string(message).transform((text, context): Value => {
      const value = parse(text)
      if (value !== undefined) return value
      context.addIssue(message)
      return z.NEVER
    }),
  /** A JSON object of numbers, as a map. */
  numbers: (min: number, max: number) =>
    take.parsed(
      (text) => parseNumbers(text, min, max),
      `takes a JSON object of numbers from ${min} to ${max}, like {"name": ${min}}`,
    ),
  number: (min: number, max: number) => bounded(min, max, false),
  integer: (min: number, max: number) => bounded(min, max, true),
}

function parseNumbers(text: string, min: number, max: number): ReadonlyMap<string, number> | undefined {
  try {
    return new Map(Object.entries(z.record(z.string(), z.number().min(min).max(max)).parse(JSON.parse(text))))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined
    throw error
  }
}

function bounded(min: number, max: number, isInteger: boolean) {
  const message = `takes ${isInteger ? 'a whole number' : 'a number'} from ${min} to ${max}`
  return z
    .string(message)
    .transform((text) => (text.trim() === '' ? Number.NaN : Number(text)))
    .refine((value) => value >= min && value <= max && (!isInteger || Number.isInteger(value)), message)
}
