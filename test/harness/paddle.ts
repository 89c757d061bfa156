/** What tests of python/ need: Pythons with its packages and, to convert, the published networks' programs. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pythonEnvironment } from './python-environment.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

export const convertScript = join(root, 'python', 'convert', 'convert.py')

export interface Paddle {
  readonly python: string
  /** Folder of the two folders with `inference.pdmodel`; their weights are made from a seed. */
  readonly graphs: string
}

const requirements = (file: string): string => join(root, 'python', file)

/** SIGHTLINE_CONVERT_PYTHON, or an environment that is made once a machine; that is tried only where there is something to convert. */
export async function findPaddle(env: NodeJS.ProcessEnv = process.env): Promise<Paddle | { readonly missing: string }> {
  const graphs = env['SIGHTLINE_PADDLE_GRAPHS'] ?? join(env['SIGHTLINE_TEST_DATA'] ?? root, 'graphs')
  if (!existsSync(graphs))
    return {
      missing:
        "neither SIGHTLINE_PADDLE_GRAPHS nor graphs/ in SIGHTLINE_TEST_DATA is the folder of the networks' programs",
    }
  try {
    const named = env['SIGHTLINE_CONVERT_PYTHON']
    const python = named ?? (await pythonEnvironment('paddle', requirements('convert/requirements.txt'), 'paddle2onnx'))
    await promisify(execFile)(python, [convertScript, 'check'])
    return { python, graphs }
  } catch (error) {
    return {
      missing: `no Python with python/convert/requirements.txt (SIGHTLINE_CONVERT_PYTHON): ${String(error).split('\n')[0]}`,
    }
  }
}

/** The interpreter of an environment with the quantizer's packages; rejects where it can't be made. */
export const int8Python = (): Promise<string> =>
  pythonEnvironment('int8', requirements('convert/requirements-int8.txt'), 'onnxruntime.quantization')

/** The interpreter of an environment for the tests of python/base and python/convert; rejects where it can't be made. */
export const pytestPython = (): Promise<string> =>
  pythonEnvironment('pytest', requirements('requirements-test.txt'), 'pytest')
