/** `npm run bench`: what this machine makes of Sightline, as one table; `npm run bench -- --help` tells the rest. */
import { readFile, writeFile } from 'node:fs/promises'
import process from 'node:process'
import { describeError, SightlineError } from '../shared/errors/errors.ts'
import { type Arguments, help, parseArguments } from './arguments.ts'
import { baselinesSchema, judge, pool, ratiosOf, verdictLines } from './gate.ts'
import { machine, processor } from './machine.ts'
import { NotMeasured, type Options, type Part, type Row } from './part.ts'
import { parts } from './parts.ts'
import { json, type Measured, table } from './report.ts'

const baselineFile = new URL('./baseline.json', import.meta.url)
const tell = (line: string): void => void process.stderr.write(`${line}\n`)

/** A regression is there each time, a disturbance is not. */
const mostTimes = 3

process.exitCode = await main().catch((error: unknown) => {
  if (!(error instanceof SightlineError)) throw error
  tell(describeError(error))
  return error.code === 'USAGE' ? 2 : 1
})

async function main(): Promise<number> {
  const given = parseArguments(process.argv.slice(2), parts, process.env)
  if (given === 'help') {
    process.stdout.write(`${help(parts)}\n`)
    return 0
  }
  const baselines = baselinesSchema.parse(JSON.parse(await readFile(baselineFile, 'utf8')))
  const stored = baselines[processor()]
  if (given.gate === 'check' && stored === undefined) {
    throw new SightlineError(
      'CONFIG_INVALID',
      `bench/baseline.json has nothing of this processor (${processor()}) to compare with: npm run bench -- --save on what it is to be compared with`,
    )
  }
  const options: Options = { ...given.options, tell }
  const measured: Measured[] = []
  for (const part of given.parts) measured.push({ part: part.name, rows: await rowsOf(part, options) })
  const isHeld = given.gate !== 'check' || (await check(measured, stored!.ratios, given, options))
  if (given.gate === 'save') {
    // Parts that were not measured keep what they had.
    const ratios = { ...stored?.ratios, ...ratiosOf(measured) }
    const made = new Date().toISOString().slice(0, 10)
    const all = { ...baselines, [processor()]: { made, machine: machine(), ratios } }
    await writeFile(baselineFile, `${JSON.stringify(all, null, 2)}\n`)
  }
  process.stdout.write(
    given.json
      ? `${json(machine(), measured)}\n`
      : `${machine()}; medians of alternating rounds\n\n${table(measured)}\n`,
  )
  return isHeld ? 0 : 1
}

/** Measures what seems worse again, up to twice; tells what became of it. */
async function check(
  measured: Measured[],
  ratios: Parameters<typeof judge>[0],
  { parts: asked }: Arguments,
  options: Options,
): Promise<boolean> {
  for (let time = 1; time < mostTimes; time += 1) {
    const worse = new Set(judge(ratios, measured).flatMap(({ kind, part }) => (kind === 'worse' ? [part] : [])))
    if (worse.size === 0) break
    tell(`worse than the baseline, and so measured again: ${[...worse].join(', ')}`)
    for (const [index, { part: name, rows }] of measured.entries()) {
      if (!worse.has(name)) continue
      const again = await rowsOf(asked.find((part) => part.name === name)!, options)
      measured[index] = { part: name, rows: pool(rows, again) }
    }
  }
  const verdicts = judge(ratios, measured)
  for (const line of verdictLines(verdicts)) tell(line)
  return verdicts.every(({ kind }) => kind !== 'worse')
}

async function rowsOf(part: Part, options: Options): Promise<readonly Row[]> {
  try {
    return await part.measure(options)
  } catch (error) {
    if (!(error instanceof NotMeasured)) throw error
    tell(`${part.name}: not measured: ${error.message}`)
    return [{ name: part.name, figures: [], missing: error.message }]
  }
}
