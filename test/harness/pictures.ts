/** Pictures of made-up products: a bright label with a motif on a plain ground, alike for equal numbers. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'

const colours = ['#d7263d', '#1b998b', '#2e294e', '#f46036', '#3a86ff', '#8338ec', '#ffbe0b', '#006d77']

export function product(number: number, { width = 320, height = 240, ground = '#b8b2a7' } = {}): Promise<Buffer> {
  const [face, ink] = [colours[number % 8]!, colours[(number * 3 + 1) % 8]!]
  const motif = [
    '<circle cx="50" cy="70" r="28"/>',
    '<path d="M20 95 50 35 80 95z"/>',
    '<path d="M20 40h60v12H20zM20 66h60v12H20zM20 92h60v12H20z"/>',
    '<path d="M50 30 60 60 92 62 66 80 76 110 50 92 24 110 34 80 8 62 40 60z"/>',
  ][number % 4]!
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <rect width="100%" height="100%" fill="${ground}"/>
    <g transform="translate(${width / 2 - 60} ${height / 2 - 90}) scale(1.2)">
      <rect width="100" height="150" rx="4" fill="${face}"/><rect y="118" width="100" height="20" fill="#fff"/>
      <g fill="${ink}" stroke="#fff" stroke-width="3">${motif}</g></g></svg>`
  return sharp(Buffer.from(svg)).jpeg({ quality: 92 }).toBuffer()
}

/** Writes pictures 0 … count - 1 as p0.jpg …, with their label file, and returns its path. */
export async function writeProducts(folder: string, count: number): Promise<string> {
  const lines: string[] = []
  for (let number = 0; number < count; number += 1) {
    await writeFile(join(folder, `p${number}.jpg`), await product(number))
    lines.push(`p${number}.jpg\tProduct ${number}\tproduct-${number}`)
  }
  const labels = join(folder, 'labels.txt')
  await writeFile(labels, `${lines.join('\n')}\n`)
  return labels
}
