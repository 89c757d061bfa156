/**
 * Measures things beside each other: in rounds, each once a round, so that whatever else the machine does meets all of them,
 * and their ratios a round tell more than their figures.
 */
import { busySeconds, cores } from './machine.ts'
import type { Figure, Ratio } from './part.ts'
import { median } from './statistics.ts'

/** What was done in a round. */
export interface Work {
  /** Pictures, runs, searches. */
  readonly items: number
  readonly seconds: number
  /** Of all processes that took part, all their threads together. */
  readonly cpuSeconds: number
}

export interface Round extends Work {
  /** Share of the machine's processors that something else had meanwhile, 0..1. */
  readonly others: number
}

/**
 * With more than this for others the clock says little about who was measured; nor does processor time where it is most of the
 * machine: each change of hands costs what was in the caches.
 */
const mostOthers = { time: 0.08, CPU: 0.5 } as const

/** Fewer rounds tell nothing. */
const leastRounds = 3

/** Does `items` things. */
export type Contender = (items: number) => Promise<Work>

/**
 * Every second round backwards, so that what drifts meets all alike. A first, shorter round warms up and does not count.
 */
export async function alternate<Name extends string>(
  contenders: Readonly<Record<Name, Contender>>,
  { rounds, items, tell }: { readonly rounds: number; readonly items: number; readonly tell: (line: string) => void },
): Promise<Readonly<Record<Name, readonly Round[]>>> {
  const names = Object.keys(contenders) as Name[]
  const found = Object.fromEntries(names.map((name) => [name, [] as Round[]])) as Record<Name, Round[]>
  for (const name of names) await contenders[name](Math.ceil(items / 4))
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const before = busySeconds()
      const work = await contenders[name](items)
      const others = Math.max(busySeconds() - before - work.cpuSeconds, 0) / (work.seconds * cores)
      found[name].push({ ...work, others })
      tell(`round ${round + 1} of ${rounds}: ${name}: ${line(work)}, others ${Math.round(others * 100)} %`)
    }
  }
  return found
}

const line = ({ items, seconds, cpuSeconds }: Work): string =>
  `${(items / seconds).toFixed(1)} a second, ${((cpuSeconds / items) * 1000).toFixed(2)} ms CPU each`

/** Does something in this process, and tells what it took. `cpuElsewhere`: seconds that other processes had for it so far. */
export async function work(
  items: number,
  act: () => Promise<unknown>,
  cpuElsewhere: () => number | Promise<number> = () => 0,
): Promise<Work> {
  const elsewhere = await cpuElsewhere()
  const cpu = process.cpuUsage()
  const started = performance.now()
  await act()
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { items, seconds, cpuSeconds: (user + system) / 1e6 + (await cpuElsewhere()) - elsewhere }
}

export const perSecond = (rounds: readonly Work[]): number =>
  median(rounds.map(({ items, seconds }) => items / seconds))

/** ms of processor time each. */
export const cpuMs = (rounds: readonly Work[]): number =>
  median(rounds.map(({ items, cpuSeconds }) => (cpuSeconds / items) * 1000))

export const speedFigures = (rounds: readonly Work[], what = 'picture'): readonly Figure[] => [
  { value: perSecond(rounds), unit: `${what}s/s` },
  { value: cpuMs(rounds), unit: `ms CPU a ${what}` },
]

/** How much of `theirs` speed `ours` has, by the clock and by processor time; 1 is as fast. */
export function shares(ours: readonly Round[], theirs: readonly Round[], of: string): readonly Ratio[] {
  const pairs = ours.map((one, index) => [one, theirs[index]!] as const)
  const share = (by: 'time' | 'CPU', ratio: (pair: (typeof pairs)[number]) => number): Ratio => {
    const quiet = pairs.filter((pair) => pair.every(({ others }) => others <= mostOthers[by]))
    const isDisturbed = quiet.length < Math.min(leastRounds, pairs.length)
    return { of, by, better: 'more', rounds: (isDisturbed ? pairs : quiet).map(ratio), isDisturbed }
  }
  return [
    share('time', ([a, b]) => a.items / a.seconds / (b.items / b.seconds)),
    share('CPU', ([a, b]) => b.cpuSeconds / b.items / (a.cpuSeconds / a.items)),
  ]
}
