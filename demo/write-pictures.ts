/** `node demo/write-pictures.ts FOLDER`: writes the sample gallery, its label file and the sample cameras' frames; the same bytes each time. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { galleryPictures } from './gallery-pictures.ts'
import { cameras, sceneFrames } from './scenes.ts'
import { makeStock } from './shooting.ts'

const seed = 'sightline'
const picturesOfEach = 5
const framesOfEach = 24

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  process.stderr.write('Usage: node demo/write-pictures.ts FOLDER\n')
  process.exitCode = 2
} else {
  await writePictures(folder)
}

/** `gallery/*.jpg`, `labels.txt` for `sightline gallery build --root FOLDER`, and `cameras/NAME/NN.jpg`. */
async function writePictures(root: string): Promise<void> {
  const stock = await makeStock()
  await mkdir(join(root, 'gallery'), { recursive: true })
  const lines: string[] = []
  for await (const { name, item, label, jpeg } of galleryPictures(stock, seed, picturesOfEach)) {
    await writeFile(join(root, 'gallery', name), jpeg)
    lines.push(`gallery/${name}\t${label}\t${item}\n`)
  }
  await writeFile(join(root, 'labels.txt'), lines.join(''))

  for (const { camera } of cameras) await mkdir(join(root, 'cameras', camera), { recursive: true })
  let frames = 0
  for await (const { camera, index, jpeg } of sceneFrames(stock, seed, framesOfEach)) {
    await writeFile(join(root, 'cameras', camera, `${String(index).padStart(2, '0')}.jpg`), jpeg)
    frames += 1
  }
  process.stdout.write(
    `${root}: ${lines.length} gallery pictures with labels.txt, ${frames} frames of ${cameras.length} cameras\n`,
  )
}
