/** The checksums of the archives: recorded when an archive is first used, and held against it ever after. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SightlineError } from '@sightline/shared/errors/errors.ts'
import { z } from 'zod'
import { writeJson } from './write-json.ts'

const knownSchema = z.record(
  z.string(),
  z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int().nonnegative(), recorded: z.string() }),
)

export type KnownArchives = z.infer<typeof knownSchema>

const fileOf = (models: string): string => join(models, 'archives.json')

/** By file name; empty where none was used yet. Throws MODEL_CONTRACT where the file does not fit. */
export async function readKnownArchives(models: string): Promise<KnownArchives> {
  const path = fileOf(models)
  const text = await readFile(path, 'utf8').catch(() => '{}')
  try {
    return knownSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new SightlineError('MODEL_CONTRACT', `${path} does not hold checksums; remove it to record them anew`, {
      cause,
    })
  }
}

/** Throws MODEL_CORRUPT where another archive of the name was used before. */
export function checkArchive(archive: string, sha256: string, known: KnownArchives, models: string): void {
  const expected = known[archive]
  if (expected === undefined || expected.sha256 === sha256) return
  throw new SightlineError(
    'MODEL_CORRUPT',
    `${archive} has the sha256 ${sha256}, but ${expected.sha256} was recorded on ${expected.recorded} (${fileOf(models)}): it was damaged or replaced. Get it from a source you trust, or take its entry out to accept the new one`,
  )
}

export async function recordArchive(
  archive: string,
  facts: { readonly sha256: string; readonly bytes: number },
  models: string,
  now: Date,
): Promise<void> {
  const known = await readKnownArchives(models)
  if (known[archive] !== undefined) return
  await writeJson(fileOf(models), { ...known, [archive]: { ...facts, recorded: now.toISOString().slice(0, 10) } })
}
