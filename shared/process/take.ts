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
      (text) => parseMap(text, z.number().min(min).max(max)),
      `takes a JSON object of numbers from ${min} to ${max}, like {"name": ${min}}`,
    ),
  /** A JSON object of choices, as a map. */
  choices: <const Choices extends readonly [string, ...string[]]>(choices: Choices) =>
    take.parsed(
      (text) => parseMap(text, z.enum(choices)),
      `takes a JSON object of ${choices.join(', ')}, like {"name": "${choices[0]}"}`,
    ),
  number: (min: number, max: number) => bounded(min, max, false),
  integer: (min: number, max: number) => bounded(min, max, true),
}

function parseMap<Value>(text: string, value: z.ZodType<Value>): ReadonlyMap<string, Value> | undefined {
  try {
    return new Map(Object.entries(z.record(z.string(), value).parse(JSON.parse(text))))
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
