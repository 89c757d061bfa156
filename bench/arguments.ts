/** What `npm run bench -- …` takes. */
import { parseArgs } from 'node:util'
import { usageError } from '../shared/errors/errors.ts'
import type { Options, Part } from './part.ts'

export interface Arguments {
  readonly parts: readonly Part[]
  readonly options: Omit<Options, 'tell'>
  readonly json: boolean
  /** Hold the ratios against the baseline, or make them the baseline. */
  readonly gate: 'check' | 'save' | undefined
}

export const help = (parts: readonly Part[]): string => `Usage: npm run bench -- [PART…] [OPTIONS]

Measures Sightline on this machine, everything beside what limits it, in alternating rounds; medians.
Without a PART those marked * are measured.

${parts.map(({ name, about, isUsual }) => `  ${name.padEnd(22)}${isUsual ? '*' : ' '} ${about}`).join('\n')}

  --quick                 a few minutes for the whole: only what is badly off shows
  --graphs DIR            folder of PP-ShiTuV2's two published programs: also networks of the official size, and the reference
                          itself (default: SIGHTLINE_PADDLE_GRAPHS); their Python environments, 1 GB, are made once in .cache
  --pictures DIR          play the pictures of a folder instead of made-up ones
  --rounds N, --items N   other than a part's own numbers of rounds, and of pictures or messages a round
  --json                  all figures and rounds as one JSON line
  --check                 end with 1 where a ratio is more than 10 % worse than in bench/baseline.json; such parts are
                          measured twice more first
  --save                  make this run the baseline of this processor`

/** Throws USAGE for what it does not take. */
export function parseArguments(
  argv: readonly string[],
  known: readonly Part[],
  env: Readonly<Record<string, string | undefined>>,
): Arguments | 'help' {
  const { values, positionals } = parsed(argv)
  if (values.help === true) return 'help'
  const unknown = positionals.find((name) => known.every((part) => part.name !== name))
  if (unknown !== undefined) {
    throw usageError(`there is no part '${unknown}': ${known.map(({ name }) => name).join(', ')}`)
  }
  if (values.check === true && values.save === true) throw usageError('--check or --save, not both')
  const isWanted = ({ name, isUsual }: Part) => (positionals.length === 0 ? isUsual : positionals.includes(name))
  return {
    parts: known.filter(isWanted),
    options: {
      quick: values.quick === true,
      items: count('items', values.items),
      rounds: count('rounds', values.rounds),
      pictures: values.pictures,
      graphs: values.graphs ?? (env['SIGHTLINE_PADDLE_GRAPHS'] || undefined),
    },
    json: values.json === true,
    gate: values.check === true ? 'check' : values.save === true ? 'save' : undefined,
  }
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        graphs: { type: 'string' },
        pictures: { type: 'string' },
        rounds: { type: 'string' },
        items: { type: 'string' },
        json: { type: 'boolean' },
        check: { type: 'boolean' },
        save: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw usageError(error instanceof Error ? error.message : String(error))
  }
}

function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,6}$/.test(text)) throw usageError(`--${name} takes a whole number from 1 on, not '${text}'`)
  return Number(text)
}
