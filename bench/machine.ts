/** Names the machine a figure was measured on, and how busy it is with other things. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, totalmem } from 'node:os'

const version = (name: string): string =>
  (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version

export const cores: number = availableParallelism()

/** The processor and its cores: baselines are kept by it, for ratios carry over to other days, not to other processors. */
export const processor = (): string =>
  [cpus()[0]?.model.trim() ?? 'unknown CPU', `${cores} cores`, ...int8Instructions()].join(', ')

export const machine = (): string =>
  [
    processor(),
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Node ${process.versions.node}`,
    `onnxruntime ${version('onnxruntime-node')}`,
  ].join(', ')

/** What makes int8 networks fast; nothing is known of it but on Linux. */
function int8Instructions(): readonly string[] {
  try {
    const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? ''
    return [/\b(?:avx512_vnni|avx_vnni)\b/.test(flags) ? 'VNNI' : /\basimddp\b/.test(flags) ? 'dot product' : 'no VNNI']
  } catch {
    return []
  }
}

/** Seconds that all processors together were busy since the machine started, with whatever. */
export const busySeconds = (): number =>
  cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0) / 1000
