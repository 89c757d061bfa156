/** A process that writes to a gallery until it is killed: `writer.ts LOCATION put FROM`, or holds it: `write`, `build`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { openGallery, openGalleryBuild } from '../../../shared/gallery/open-gallery.ts'
import { embedder, entryOf } from './entries.ts'

const [, , location = '', what = 'put', from = '0'] = process.argv
if (what === 'put') {
  const gallery = await openGallery(location, embedder, 'create')
  for (let number = Number(from); ; number += 3) {
    const ids = [number, number + 1, number + 2]
    await gallery.put(ids.map((id) => entryOf(String(id), id)))
    process.stdout.write(`${ids.join('\n')}\n`)
  }
} else {
  const held =
    what === 'write' ? await openGallery(location, embedder, 'write') : await openGalleryBuild(location, embedder)
  const target = 'draft' in held ? held.draft : held
  await target.put([entryOf('left', 1)])
  process.stdout.write('held\n')
  await sleep(600_000)
}
