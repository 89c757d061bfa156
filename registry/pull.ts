/** Pulls a pair of models: archives, conversion, verification, registration. Both are registered, or neither. */
import { mkdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Work } from '@sightline/pipeline/work.ts'
import { SightlineError, usageError } from '@sightline/shared/errors/errors.ts'
import { sha256OfFile } from '@sightline/shared/inference/model-files.ts'
import { type Model, readModel } from '@sightline/shared/inference/model-manifest.ts'
import { inferenceFolder, unpack } from './archive.ts'
import { archiveUrl, type CataloguePair, type Role, roles } from './catalogue.ts'
import type { Conversion, Converter } from './converter.ts'
import { diskError } from './disk.ts'
import { download } from './download.ts'
import { checkArchive, readKnownArchives, recordArchive } from './known-archives.ts'
import { assertFree, type PreparedModel, prepareModel, registerModels, workFolder } from './register.ts'
import { tryModel } from './try-model.ts'
import { assertVerified, type VerificationRow, verifyDetector, verifyEmbedder } from './verification.ts'

export interface PullOptions {
  readonly pair: CataloguePair
  /** Models folder. The caller holds its lock. */
  readonly models: string
  /** Where the archives are instead of the catalogue's addresses. */
  readonly urlBase: string | undefined
  /** Archives that are on this machine already; their file names say which they are. */
  readonly files: readonly string[]
  readonly openConverter: () => Promise<Converter>
  readonly work: Work
  readonly now: () => Date
  /** Of the converted models, before it is decided about them. */
  readonly onVerified: (rows: readonly VerificationRow[]) => void
}

/** Largest archive: many times the two. */
const maxArchiveBytes = 512 * 2 ** 20

interface Archive {
  readonly role: Role
  readonly path: string
  readonly sha256: string
  readonly source: string
}

/** Returns the names of the pair, and whether they were there already. */
export async function pullModels(
  options: PullOptions,
): Promise<{ readonly names: readonly string[]; readonly isNew: boolean }> {
  const { pair, models } = options
  const names = roles.map((role) => pair[role].name)
  const given = filesByRole(options)
  const missing: Role[] = []
  for (const role of roles) if (!(await isThere(options, role))) missing.push(role)
  for (const role of missing) await assertFree(models, pair[role].name)
  if (missing.length === 0) {
    for (const path of given.values()) await archiveOf(options, path, path)
    return { names, isNew: false }
  }
  const converter = await options.openConverter()
  await using work = await workFolder(models)
  const prepared: PreparedModel[] = []
  const archives: Archive[] = []
  const rows: VerificationRow[] = []
  for (const role of missing) {
    const archive = await fetchArchive(options, role, given.get(role))
    archives.push(archive)
    options.work.tell(`converting ${pair[role].archive}`)
    const { onnx, conversion } = await convert(archive, converter, work.path)
    const verified = await verify(pair, role, onnx, conversion, provenanceOf(archive, conversion, options.now()))
    rows.push(...verified.rows)
    // Only a model that is right goes on: the table shows all rows up to the first that fails.
    if (verified.rows.every(({ ok }) => ok)) prepared.push(await prepareModel(verified.manifest, onnx, work.path))
    else break
  }
  options.onVerified(rows)
  assertVerified(rows)
  for (const { path, role, sha256 } of archives) {
    const { size } = await stat(path)
    await recordArchive(pair[role].archive, { sha256, bytes: size }, models, options.now())
  }
  await registerModels(models, prepared)
  await rm(downloadsOf(models), { recursive: true, force: true })
  return { names, isNew: true }
}

const downloadsOf = (models: string): string => join(models, '.downloads')

/** Whether the role's model is registered and still answers its canary; throws where it is damaged. */
async function isThere({ pair, models }: PullOptions, role: Role): Promise<boolean> {
  const { name, archive } = pair[role]
  const folder = join(models, name)
  if (!(await stat(join(folder, 'manifest.json')).catch(() => null))) return false
  let model: Model
  try {
    model = await readModel(folder)
    await tryModel(model)
  } catch (cause) {
    throw new SightlineError(
      'MODEL_CORRUPT',
      `${name} is in ${models} but damaged: 'sightline models remove ${name}', then pull again`,
      { cause },
    )
  }
  const origin = model.manifest.provenance['archive']
  return typeof origin === 'object' && origin !== null && 'file' in origin && origin.file === archive
}

/** The given archives by role. Throws USAGE for a file name that is none of the pair's. */
function filesByRole({ pair, files }: PullOptions): ReadonlyMap<Role, string> {
  const given = new Map<Role, string>()
  for (const file of files) {
    const role = roles.find((one) => pair[one].archive === basename(file))
    if (role === undefined) {
      const known = roles.map((one) => pair[one].archive).join(' or ')
      throw usageError(`${file} is not called ${known}, so it can't be told which of them it is`)
    }
    given.set(role, file)
  }
  return given
}

/** The role's archive on this disk, checked against what was used before. */
async function fetchArchive(options: PullOptions, role: Role, file: string | undefined): Promise<Archive> {
  const { pair, models, urlBase } = options
  if (file !== undefined) return { role, ...(await archiveOf(options, file, file)) }
  const { archive } = pair[role]
  const url = archiveUrl(pair[role], urlBase)
  const path = join(downloadsOf(models), archive)
  if (!(await stat(path).catch(() => null))) {
    await mkdir(downloadsOf(models), { recursive: true }).catch((error: unknown) => {
      throw diskError(error, path) ?? error
    })
    await downloadShown(url, path, options.work)
  }
  try {
    return { role, ...(await archiveOf(options, path, url.href)) }
  } catch (error) {
    await rm(path, { force: true }) // The next pull gets it anew.
    throw error
  }
}

async function archiveOf(
  { models }: PullOptions,
  path: string,
  source: string,
): Promise<{ readonly path: string; readonly source: string; readonly sha256: string }> {
  const sha256 = await sha256OfFile(path)
  checkArchive(basename(path), sha256, await readKnownArchives(models), models)
  return { path, source, sha256 }
}

async function downloadShown(url: URL, to: string, work: Work): Promise<void> {
  work.tell(`downloading ${url}`)
  using progress = work.progress('downloading, %', 100)
  let shown = 0
  await download({
    url,
    to,
    maxBytes: maxArchiveBytes,
    stop: work.stop,
    onProgress(bytes, total) {
      const percent = total === null ? 0 : Math.floor((bytes / total) * 100)
      for (; shown < percent; shown += 1) progress.advance()
    },
  })
}

async function convert(
  { path, role, source }: Archive,
  converter: Converter,
  work: string,
): Promise<{ readonly onnx: string; readonly conversion: Conversion }> {
  const unpacked = join(work, `unpacked-${role}`)
  const converted = join(work, `converted-${role}`)
  await mkdir(converted)
  try {
    await unpack(path, unpacked)
    const folder = await inferenceFolder(unpacked, path)
    const conversion = await converter.convert(role, folder, converted)
    return { onnx: join(converted, 'model.onnx'), conversion }
  } catch (error) {
    const isDownloaded = source !== path
    const isBad = error instanceof SightlineError && error.code === 'MODEL_ARCHIVE'
    if (isDownloaded && isBad) await rm(path, { force: true }) // The next pull gets it anew.
    throw error
  }
}

const verify = (pair: CataloguePair, role: Role, onnx: string, conversion: Conversion, provenance: object) =>
  role === 'detector'
    ? verifyDetector(pair.detector, onnx, conversion, { ...provenance })
    : verifyEmbedder(pair.embedder, onnx, conversion, { ...provenance })

/** `canary` stands in the manifest itself. */
function provenanceOf({ path, sha256, source }: Archive, { canary: _canary, ...conversion }: Conversion, now: Date) {
  const archive = { file: basename(path), sha256, source: source === path ? 'a file' : source }
  return { made: now.toISOString().slice(0, 10), command: 'sightline models pull', archive, conversion }
}
