/** Draws what is printed on the faces of a package as SVG shapes. */
import { layouts } from './label-layouts.ts'
import { barcode, type Draw, smallPrint, word } from './label-parts.ts'

/** The front of a package, w × h. */
export const frontArt: Draw = (design, w, h) => layouts[design.layout](design, w, h)

/** A narrow side: the brand upwards, a table of small print and a barcode. */
export const sideArt: Draw = (design, w, h) => {
  const { ground, deep, accent, ink } = design.palette
  return (
    `<rect width="${w}" height="${h}" fill="${ground}"/><rect width="${w}" height="${h}" fill="${deep}" fill-opacity=".35"/>` +
    word(design.brand, {
      x: w * 0.58,
      y: h * 0.26,
      size: w * 0.4,
      maxWidth: h * 0.42,
      fill: ink,
      weight: 900,
      turn: -90,
    }) +
    `<rect x="${w * 0.1}" y="${h * 0.52}" width="${w * 0.8}" height="${h * 0.24}" fill="${accent}" fill-opacity=".85"/>` +
    smallPrint(w * 0.16, h * 0.55, w * 0.6, 8, h * 0.026, deep) +
    barcode(w * 0.12, h * 0.8, w * 0.76, h * 0.15)
  )
}

/** The top or bottom of a box. */
export const topArt: Draw = (design, w, h) => {
  const { ground, deep, ink } = design.palette
  return (
    `<rect width="${w}" height="${h}" fill="${ground}"/><path d="M0 ${h / 2}H${w}" stroke="${deep}" stroke-opacity=".6" stroke-width="${h * 0.02}"/>` +
    word(design.brand, { x: w / 2, y: h * 0.42, size: h * 0.3, maxWidth: w * 0.7, fill: ink, weight: 900 })
  )
}

/** Once around a can or a bottle's label: the front in the middle and behind, small print at both sides. */
export const wrapArt: Draw = (design, w, h) => {
  const { ground, deep, ink } = design.palette
  const face = w * 0.36
  const side = w / 2 - face
  const front = frontArt(design, face, h)
  const print =
    `<rect x="-1" width="${side + 2}" height="${h}" fill="${ground}"/><rect x="-1" width="${side + 2}" height="${h * 0.04}" fill="${deep}"/>` +
    smallPrint(side * 0.12, h * 0.2, side * 0.7, 12, h * 0.03, ink) +
    barcode(side * 0.12, h * 0.66, side * 0.76, h * 0.2)
  const fronts = [0, w / 2, w].map(
    (middle) => `<svg x="${middle - face / 2}" width="${face}" height="${h}" overflow="hidden">${front}</svg>`,
  )
  return [w / 4, (w * 3) / 4]
    .map((middle) => `<g transform="translate(${middle - side / 2} 0)">${print}</g>`)
    .concat(fronts)
    .join('')
}
