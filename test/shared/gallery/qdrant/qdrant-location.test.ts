/** Where a Qdrant is: what is refused, and when its key travels as plain text. */
import { expect, test } from 'vitest'
import { openGallery } from '../../../../shared/gallery/open-gallery.ts'
import { plainKeyWarning } from '../../../../shared/gallery/qdrant/qdrant-location.ts'
import { embedder } from '../../../harness/gallery/entries.ts'

test.each([
  'http://127.0.0.1:6333',
  'http://127.0.0.1:6333/',
  'https://me:secret@h/c',
  'http://',
  'http://h/c?quantisation=x',
])('the location %s is refused, with how to write it', async (location) => {
  const error = await openGallery(location, embedder).catch((one: unknown) => one)
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('HOST:6333/COLLECTION') })
  expect(String(error)).not.toContain('secret')
})

test.each([
  'http://qdrant:6333/products',
  'http://10.0.0.7/products',
  'http://127.0.0.1.example.org/products',
  'http://[2001:db8::1]/products',
])('a key for %s is told to be readable on the way', (location) => {
  const warning = plainKeyWarning(location, 'the-key')
  expect(warning).toMatch(/plain text.*https:/)
  expect(warning).not.toContain('the-key')
  expect(plainKeyWarning(location, '')).toBeNull()
})

test.each([
  'http://localhost:6333/products',
  'http://127.0.0.1:6333/products',
  'http://[::1]:6333/products',
  'https://qdrant/products',
  'folder',
])('nothing is told of a key for %s', (location) => {
  expect(plainKeyWarning(location, 'the-key')).toBeNull()
})
