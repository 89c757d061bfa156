/** A process that puts entries one after the other and says so, until it is killed. */
import { openSqliteGallery } from '../../../../shared/gallery/sqlite/sqlite-gallery.ts'
import { embedder, entryOf } from '../../../harness/gallery/entries.ts'

const [, , folder = '', from = '0'] = process.argv
const gallery = await openSqliteGallery({ folder, embedder, mode: 'write' })
for (let number = Number(from); ; number += 3) {
  const ids = [number, number + 1, number + 2]
  await gallery.put(ids.map((id) => entryOf(String(id), id)))
  process.stdout.write(`${ids.join('\n')}\n`)
}
