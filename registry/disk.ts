/** What a full or read-only disk means, in words. */
import { SightlineError } from '@sightline/shared/errors/errors.ts'

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file grew larger than this system allows',
  EROFS: 'the file system is read-only',
  EACCES: 'it may not be written',
  EPERM: 'it may not be written',
}

/** The error for a failed write to `path`; null where it failed for another reason. */
export function diskError(cause: unknown, path: string): SightlineError | null {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const reason = reasons[code]
  if (reason === undefined) return null
  return new SightlineError('FILE_UNWRITABLE', `writing ${path}: ${reason}. Nothing was registered`, { cause })
}
