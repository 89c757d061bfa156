/** A folder of each item as a list: `pictures/Cola 330 ml/front.jpg` is a picture of the item `Cola 330 ml`. */
import { relative, sep } from 'node:path'
import { listPictures } from '../pictures.ts'
import { type LabelFile, ListCollector } from './list-collector.ts'

/** Folders within an item's folder are of that item; pictures beside the folders are told. Throws FILE_UNREADABLE. */
export async function listFolder(folder: string): Promise<LabelFile> {
  const list = new ListCollector(folder, 'picture', 'ITEM/PICTURE')
  const { pictures, closed } = await listPictures(folder)
  for (const [index, path] of pictures.entries()) {
    const names = relative(folder, path).split(sep)
    if (names.length < 2) list.refuse(index + 1, `${path} is in no item's folder`)
    else list.add(index + 1, { path: names.join('/'), label: names[0]!.normalize('NFC') })
  }
  for (const [index, path] of closed.entries()) list.refuse(pictures.length + index + 1, `${path} can't be listed`)
  return list.end()
}
