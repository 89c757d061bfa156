/** Weights in second files beside an ONNX file: found and checked before they are needed, and told in words where they are not. */
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { externalData } from '@sightline/shared/inference/external-data.ts'

/** What the ONNX file and the manifest are called in a model's folder. */
export const onnxName = 'model.onnx'
export const manifestName = 'manifest.json'

/**
 * Paths of the second files, relative to the ONNX file's folder. Throws MODEL_MISSING where one is not there, MODEL_CONTRACT
 * where one can't lie in a model's folder under its name.
 */
export async function secondFilesOf(onnx: string): Promise<readonly string[]> {
  const names = await externalData(onnx)
  for (const name of names) {
    const top = name.split('/')[0]!.toLowerCase()
    if (top === onnxName || top === manifestName) {
      throw new SightlineError(
        'MODEL_CONTRACT',
        `${onnx} has weights in a second file called ${name}, a name that a model's folder needs itself: save it anew with another name`,
      )
    }
    const found = await stat(join(dirname(onnx), name)).catch(() => null)
    if (found?.isFile() === true) continue
    throw new SightlineError(
      'MODEL_MISSING',
      `${onnx} has weights in a second file, ${name}, which is not beside it: put it into ${dirname(onnx)} under this name, or save all in one file (Python: onnx.save(onnx.load('${basename(onnx)}'), 'one.onnx') where both files are)`,
    )
  }
  return names
}
