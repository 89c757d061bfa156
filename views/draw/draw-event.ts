/** Draws a recognition event on its picture: a box, a name and a score for each object, readable at any size of the picture. */
import type { RecognitionEvent, RecognizedObject } from '@sightline/shared/contracts/recognition-event.ts'
import { decodeImage, defaultImageLimits } from '@sightline/shared/imaging/decode.ts'
import sharp from 'sharp'
import { crowdSize, isCrowd, type NameInBox, nameInBox, readableWidth } from './crowd.ts'
import { capHeight, isReadable, letter, letterFitting, prepareLetters } from './lettering.ts'
import { type PlateToPlace, placePlates, type Rect } from './place-plates.ts'

interface Colours {
  readonly stroke: string
  readonly plate: string
  readonly text: string
}

const recognized: Colours = { stroke: '#3d8bff', plate: '#1463e0', text: '#ffffff' }
const unknown: Colours = { stroke: '#ffb224', plate: '#ffb224', text: '#231a00' }
const note: Colours = { stroke: '#5b6472', plate: '#39414d', text: '#ffffff' }

/** A picture whose longer side is smaller is drawn enlarged, up to eight times, or its names could not be read. */
const readableSide = 640
const maxEnlargement = 8
/** A picture with more pixels is drawn smaller: this is for eyes, and every pixel takes several bytes here. */
const maxPixels = 24_000_000

/** A plate is as wide as its box, or this where its box is narrower. */
const plateEms = 16
/** Of a picture with a crowd: larger, it only gets blurred. */
const maxCrowdEnlargement = 3

const labelWeight = 600
const scoreWeight = 500

interface Style {
  /** Em of the names in px. */
  readonly size: number
  readonly line: number
  readonly padding: number
}

/**
 * The picture as JPEG with the event drawn on it, EXIF orientation applied. Recognized objects have a solid frame,
 * unknown ones a dashed frame of another colour. A crowd is drawn enlarged, with the names in their boxes. Labels are drawn as outlines and never parsed.
 * Throws IMAGE_* as `decodeImage` does.
 */
export async function drawEvent(bytes: Uint8Array, event: RecognitionEvent): Promise<Uint8Array> {
  const picture = await decodeImage(bytes, defaultImageLimits)
  await prepareLetters(textsOf(event), [labelWeight, scoreWeight])
  const scale = drawnScale(picture.width, picture.height, event)
  const width = Math.max(1, Math.round(picture.width * scale))
  const height = Math.max(1, Math.round(picture.height * scale))
  const overlay = Buffer.from(overlaySvg(event, width, height, width / picture.width, height / picture.height))
  return sharp(picture.data, { raw: { width: picture.width, height: picture.height, channels: 3 } })
    .resize(width, height, { fit: 'fill', kernel: scale > 1 ? 'cubic' : 'lanczos3' })
    .composite([{ input: overlay }])
    .jpeg({ quality: 88, chromaSubsampling: '4:4:4' })
    .toBuffer()
}

function drawnScale(width: number, height: number, event: RecognitionEvent): number {
  const longer = Math.max(width, height)
  const most = Math.sqrt(maxPixels / (width * height))
  const readable = longer < readableSide ? Math.min(maxEnlargement, readableSide / longer) : 1
  const boxes = objectsOf(event).map(({ box }) => scaledBox(box, width, height, 1, 1))
  if (!isCrowdOf(boxes, width, height)) return Math.min(readable, most)
  // Names stand in their boxes, which have to be wide enough for them.
  const middle = boxes.map((box) => box.width).toSorted((a, b) => a - b)[boxes.length >> 1]!
  return Math.min(Math.max(readable, Math.min(readableWidth / middle, maxCrowdEnlargement)), most)
}

const isCrowdOf = (boxes: readonly Rect[], width: number, height: number): boolean => {
  const size = sizeOf(width, height)
  return isCrowd(boxes, { width: size * plateEms, height: size * 1.5 }, { x: 0, y: 0, width, height })
}

/** Em of the names in px. */
const sizeOf = (width: number, height: number): number =>
  Math.max(1, Math.min(Math.max(13, Math.max(width, height) / 58), height * 0.6, width * 0.5))

/** Boxes from elsewhere may have anything for numbers. */
const objectsOf = ({ objects }: RecognitionEvent): readonly RecognizedObject[] =>
  objects.filter(({ box }) => box.every(Number.isFinite))

function overlaySvg(event: RecognitionEvent, width: number, height: number, scaleX: number, scaleY: number): string {
  const size = sizeOf(width, height)
  const style: Style = { size, line: Math.max(1, size / 7), padding: size * 0.42 }
  // The best are drawn last, on top; their names choose their places first.
  const objects = objectsOf(event)
  const boxes = objects.map(({ box }) => scaledBox(box, width, height, scaleX, scaleY))
  // Whether it is a crowd is asked of the picture as it came: it was enlarged for it.
  const isCrowded = isCrowdOf(
    objects.map(({ box }) => scaledBox(box, width / scaleX, height / scaleY, 1, 1)),
    width / scaleX,
    height / scaleY,
  )
  const drawn = isCrowded ? crowdSvg(objects, boxes) : platesSvg(objects, boxes, style, width, height)
  const name = event.skipped === null ? null : { label: skippedText(event.skipped), score: null }
  const told = name === null ? '' : noteSvg(nameOf(name, style, width, width), style)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${drawn}${told}</svg>`
}

const noteSvg = (name: Name, style: Style): string =>
  plateSvg({ x: 0, y: 0, width: name.width, height: name.height }, name, note, style)

/** A plate beside each box. */
function platesSvg(
  objects: readonly RecognizedObject[],
  boxes: readonly Rect[],
  style: Style,
  width: number,
  height: number,
): string {
  const names = objects.map((object, index) =>
    nameOf(labelled(object), style, Math.max(boxes[index]!.width, style.size * plateEms), width),
  )
  const plates: PlateToPlace[] = names.map((name, index) => ({ ...name, box: boxes[index]! }))
  const places = placePlates(plates, { x: 0, y: 0, width, height })
  const frames = objects.map((object, index) => frameSvg(boxes[index]!, coloursOf(object), style))
  const labels = objects.map((object, index) => plateSvg(places[index]!, names[index]!, coloursOf(object), style))
  return [...frames.reverse(), ...labels.reverse()].join('')
}

/** The name of each recognized object in its box; of the others the frame alone says that they are unknown. */
function crowdSvg(objects: readonly RecognizedObject[], boxes: readonly Rect[]): string {
  const style: Style = { size: crowdSize, line: crowdSize / 6, padding: 0 }
  const frames = objects.map((object, index) => frameSvg(boxes[index]!, coloursOf(object), style))
  const names = objects.map((object, index) => {
    if (object.item === null) return ''
    const name = nameInBox(labelled(object).label, boxes[index]!, crowdSize, labelWeight)
    return name === null ? '' : nameInBoxSvg(name, recognized)
  })
  return [...frames.reverse(), ...names.reverse()].join('')
}

const unknownText = 'unknown'
const skippedText = (reason: string): string => `skipped: ${reason}`

const textsOf = ({ objects, skipped }: RecognitionEvent): readonly string[] => [
  unknownText,
  '0123456789.-',
  ...objects.flatMap(({ label, item }) => [label ?? '', item ?? '']),
  ...(skipped === null ? [] : [skippedText(skipped)]),
]

/** A label in a script of which no letter can be drawn is stood in for by its item's id. */
function labelled({ label, item, score }: RecognizedObject): { readonly label: string; readonly score: number | null } {
  if (label === null) return { label: unknownText, score }
  const isBetter = item !== null && !isReadable(label, labelWeight) && isReadable(item, labelWeight)
  return { label: isBetter ? item : label, score }
}

const coloursOf = ({ item }: RecognizedObject): Colours => (item === null ? unknown : recognized)

/** In drawn pixels, cut at the picture's edges. */
function scaledBox(
  [x1, y1, x2, y2]: RecognizedObject['box'],
  width: number,
  height: number,
  scaleX: number,
  scaleY: number,
): Rect {
  const x = Math.max(0, Math.min(x1 * scaleX, width - 1))
  const y = Math.max(0, Math.min(y1 * scaleY, height - 1))
  return {
    x,
    y,
    width: Math.max(1, Math.min(x2 * scaleX, width) - x),
    height: Math.max(1, Math.min(y2 * scaleY, height) - y),
  }
}

interface Name {
  readonly path: string
  readonly scorePath: string
  readonly scoreX: number
  readonly width: number
  readonly height: number
}

/** The label, shortened to what the plate may take, and the score, which is never shortened. */
function nameOf(
  { label, score }: { readonly label: string; readonly score: number | null },
  { size, padding }: Style,
  roomy: number,
  pictureWidth: number,
): Name {
  const scoreText = letter(score === null ? '' : score.toFixed(2), size, scoreWeight)
  const gap = score === null ? 0 : size * 0.45
  const room = Math.min(roomy, pictureWidth) - scoreText.width - gap - 2 * padding
  const text = letterFitting(label, size, labelWeight, Math.max(0, room))
  return {
    path: text.path,
    scorePath: scoreText.path,
    scoreX: text.width + gap,
    width: text.width + gap + scoreText.width + 2 * padding,
    height: size * capHeight + 2 * padding,
  }
}

/** A dark line under the coloured one keeps the frame visible on any ground. */
function frameSvg(box: Rect, { stroke }: Colours, { line }: Style): string {
  const inset = Math.min(line / 2 + 0.5, box.width / 2, box.height / 2)
  const dash = stroke === unknown.stroke ? ` stroke-dasharray="${n(line * 4)} ${n(line * 2.5)}"` : ''
  const rect = `<rect x="${n(box.x + inset)}" y="${n(box.y + inset)}" width="${n(box.width - 2 * inset)}" height="${n(box.height - 2 * inset)}" rx="${n(line)}" fill="none"`
  return (
    `${rect} stroke="#000" stroke-opacity="0.55" stroke-width="${n(line + Math.max(1, line * 0.8))}"/>` +
    `${rect} stroke="${stroke}" stroke-width="${n(line)}"${dash}/>`
  )
}

function plateSvg({ x, y }: Rect, name: Name, { plate, text }: Colours, { size, padding, line }: Style): string {
  const baseline = y + padding + size * capHeight
  return (
    `<rect x="${n(x)}" y="${n(y)}" width="${n(name.width)}" height="${n(name.height)}" rx="${n(line)}" fill="${plate}"/>` +
    `<path transform="translate(${n(x + padding)} ${n(baseline)})" fill="${text}" d="${name.path}"/>` +
    `<path transform="translate(${n(x + padding + name.scoreX)} ${n(baseline)})" fill="${text}" fill-opacity="0.78" d="${name.scorePath}"/>`
  )
}

function nameInBoxSvg({ plate, lines }: NameInBox, colours: Colours): string {
  const rect = `<rect x="${n(plate.x)}" y="${n(plate.y)}" width="${n(plate.width)}" height="${n(plate.height)}" fill="${colours.plate}" fill-opacity="0.86"/>`
  const paths = lines.map(
    ({ path, x, baseline }) =>
      `<path transform="translate(${n(x)} ${n(baseline)})" fill="${colours.text}" d="${path}"/>`,
  )
  return rect + paths.join('')
}

const n = (value: number): string => value.toFixed(2)
