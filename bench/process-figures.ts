/** What another process takes, as Linux tells it. */
import { readdir, readFile, readlink } from 'node:fs/promises'

/** The kernel's clock ticks a second. */
const ticks = 100

/** Seconds of processor time that it had so far, all threads together. */
export async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticks
}

export interface Memory {
  /** MiB. */
  readonly rss: number
  /** MiB: this process's share of what it has in memory with others. */
  readonly pss: number
}

export async function memoryOf(pid: number): Promise<Memory> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')
  const mebibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]) / 1024
  return { rss: mebibytes('Rss'), pss: mebibytes('Pss') }
}

export async function sockets(pid: number): Promise<number> {
  const folder = `/proc/${pid}/fd`
  const links = await Promise.all((await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => '')))
  return links.filter((link) => link.startsWith('socket:')).length
}
