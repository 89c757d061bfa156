/**
 * A network in float32 may have a form in int8 beside it, faster where the processor multiplies bytes and slower where it does
 * not. Which one runs here is measured at the start, on the canary: a moment that needs no cache to go stale.
 */
import { join } from 'node:path'
import { otherwise, SightlineError } from '../errors/errors.ts'
import { type Model, type ModelManifest, readManifest, readModel } from './model-manifest.ts'
import { modelNames } from './models-folder.ts'
import type { Precision, WorkerOptions } from './workers.ts'

/** The form of a network that runs, and what its rival would have taken. */
export interface Form<M extends ModelManifest> {
  readonly model: Model<M>
  readonly precision: 'float' | 'int8'
  /** ms of one picture on one worker; null where nothing was to be chosen. */
  readonly measured: { readonly float: number; readonly int8: number } | null
  /** Why the int8 form was not considered although there is one. */
  readonly refused: string | null
}

/** What a session has to tell. */
interface Timed extends AsyncDisposable {
  readonly msPerPicture: number | null
}

/** Vectors of two forms that are less alike do not go into one gallery. */
const leastCosine = 0.99
/**
 * Nor is one form taken for the other unasked where names would move across the threshold: at a median of 0.994 all similarities
 * to the other form's vectors are a hundredth lower, and of whole shelves 60 % instead of 65 % are named; at 0.997 it is 64 %.
 */
const leastCosineUnasked = 0.996
/** The name of the figure in an int8 form's manifest, the median over pictures. */
export const cosineFigure = 'median cosine to the float form'
/** A difference that timing can't tell is not worth other vectors. */
const leastGain = 0.9

/**
 * The form of `model`, one of `folder`, that is to run: with 'auto' the faster one on this machine. On other providers than
 * the CPU that is the float form.
 *
 * @param open opens a session of a form, to be timed
 * @throws MODEL_MISSING where 'int8' is asked for and there is none, MODEL_CONTRACT where its vectors are too unlike; what
 * opening throws
 */
export async function chooseForm<M extends ModelManifest>(
  folder: string,
  model: Model<M>,
  precision: Precision,
  workers: WorkerOptions,
  open: (model: Model<M>, workers: WorkerOptions) => Promise<Timed>,
): Promise<Form<M>> {
  const float: Form<M> = { model, precision: 'float', measured: null, refused: null }
  const isOnCpu = (workers.executionProviders ?? ['cpu']).every((name) => name === 'cpu')
  if (precision === 'float' || (precision === 'auto' && !isOnCpu)) return float
  const int8 = await int8FormOf(folder, model.manifest)
  const { name } = model.manifest
  if (precision === 'int8') {
    if (int8 === null) {
      throw new SightlineError(
        'MODEL_MISSING',
        `${folder} has no int8 form of ${name}: make one with 'sightline models quantize ${name}', or leave the precision to 'auto'`,
      )
    }
    const refused = refusal(int8.manifest, leastCosine)
    if (refused !== null) throw new SightlineError('MODEL_CONTRACT', `${name} can't run in int8: ${refused}`)
    return { ...float, model: await read<M>(int8), precision: 'int8' }
  }
  if (int8 === null) return float
  const refused = refusal(int8.manifest, leastCosineUnasked)
  if (refused !== null) return { ...float, refused }
  const other = await read<M>(int8)
  // Side by side: what else the machine does meanwhile, it does to both.
  const [floatMs, int8Ms] = await Promise.all([model, other].map((one) => timeOf(one, workers, open)))
  const measured = { float: floatMs!, int8: int8Ms! }
  return measured.int8 < measured.float * leastGain
    ? { model: other, precision: 'int8', measured, refused: null }
    : { ...float, measured }
}

/** One line for the log: what runs and why. */
export function formText({ model, precision, measured, refused }: Form<ModelManifest>): string {
  const { name } = model.manifest
  if (refused !== null) return `${name} runs in float32: ${refused}`
  if (measured === null) return precision === 'float' ? `${name} runs as it is` : `${name} runs in ${precision}`
  const ms = `${measured.int8.toFixed(1)} ms a picture, in float32 ${measured.float.toFixed(1)}`
  return `${name} runs in ${precision === 'float' ? 'float32' : precision}: in int8 it takes ${ms}`
}

/** A model by what is said of it; its weights are neither read nor checked. */
interface Named {
  readonly folder: string
  readonly manifest: ModelManifest
}

/** The model in `folder` that was quantized from these very weights; null where there is none. */
async function int8FormOf(folder: string, { task, sha256 }: ModelManifest): Promise<Named | null> {
  for (const name of await modelNames(folder)) {
    const place = join(folder, name)
    // What is wrong with a model that is not in use is told by `models verify`.
    const manifest = await readManifest(place).catch(otherwise(['MODEL_MISSING', 'MODEL_CONTRACT']))
    const from = manifest?.provenance['quantizedFrom'] as { readonly sha256?: unknown } | undefined
    if (manifest?.task === task && from?.sha256 === sha256) return { folder: place, manifest }
  }
  return null
}

/** Of the same task as the model that it is a form of. */
const read = async <M extends ModelManifest>({ folder }: Named): Promise<Model<M>> =>
  (await readModel(folder)) as Model<M>

function refusal({ task, name, metrics = {} }: ModelManifest, least: number): string | null {
  if (task === 'detector') return null
  const cosine = metrics[cosineFigure]?.value
  if (cosine === undefined) return `how alike its vectors and those of ${name} are was not measured`
  if (cosine >= least) return null
  return `the vectors of ${name} are not like enough to its own: their median cosine is ${cosine}, not ${least}`
}

async function timeOf<M extends ModelManifest>(
  model: Model<M>,
  workers: WorkerOptions,
  open: (model: Model<M>, workers: WorkerOptions) => Promise<Timed>,
): Promise<number> {
  await using session = await open(model, { ...workers, workers: 1, isTimed: true })
  return session.msPerPicture ?? Number.NaN
}
