/** Colours of the terminal, where a person watches it and has not asked for none. */
import { styleText } from 'node:util'

export interface Style {
  readonly known: (text: string) => string
  readonly unknown: (text: string) => string
  readonly bad: (text: string) => string
  readonly good: (text: string) => string
  readonly strong: (text: string) => string
  readonly soft: (text: string) => string
}

const asItIs = (text: string): string => text

export const plain: Style = {
  known: asItIs,
  unknown: asItIs,
  bad: asItIs,
  good: asItIs,
  strong: asItIs,
  soft: asItIs,
}

type Format = Parameters<typeof styleText>[0]

/** Whether to colour is decided by `styleFor`, not by what Node thinks of stdout. */
const always =
  (format: Format) =>
  (text: string): string =>
    styleText(format, text, { validateStream: false })

export const coloured: Style = {
  known: always('cyan'),
  unknown: always('yellow'),
  bad: always('red'),
  good: always('green'),
  strong: always('bold'),
  soft: always('dim'),
}

/** Plain for files and pipes, where NO_COLOR says something (https://no-color.org) and on a dumb terminal. */
export function styleFor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Style {
  const refuses = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb'
  return isTerminal && !refuses ? coloured : plain
}
