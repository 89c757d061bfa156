/** CVAT's XML for images (1.1) as a list: each box is a picture of its label, its attributes are metadata. */
import { describeError, SightlineError } from '@sightline/shared/errors/errors.ts'
import { SaxesParser } from 'saxes'
import type { PictureBox } from '../enrolled-file.ts'
import { type LabelFile, ListCollector } from './list-collector.ts'

interface OpenBox {
  readonly number: number
  readonly path: string
  readonly label: string
  readonly box: PictureBox
  readonly metadata: Record<string, string>
}

/** Throws LABELS_UNREADABLE for what is no such XML; `file` is for messages. */
export function parseCvat(text: string, root: string, file: string): LabelFile {
  const list = new ListCollector(root, 'box', 'label, xtl, ytl, xbr, ybr')
  const parser = new SaxesParser()
  let image = ''
  let number = 0
  let box: OpenBox | undefined
  let attribute: { readonly name: string; value: string } | undefined
  let hasRoot = false
  parser.on('opentag', ({ name, attributes }) => {
    if (name === 'annotations') hasRoot = true
    else if (name === 'image') image = attributes['name'] ?? ''
    else if (name === 'box') {
      number += 1
      const [x1, y1, x2, y2] = ['xtl', 'ytl', 'xbr', 'ybr'].map((one) => Number(attributes[one] ?? Number.NaN))
      box = { number, path: image, label: attributes['label'] ?? '', box: [x1!, y1!, x2!, y2!], metadata: {} }
    } else if (name === 'attribute' && box !== undefined) attribute = { name: attributes['name'] ?? '', value: '' }
  })
  const addText = (part: string): void => {
    if (attribute !== undefined) attribute.value += part
  }
  parser.on('text', addText)
  parser.on('cdata', addText)
  parser.on('closetag', ({ name }) => {
    if (name === 'attribute' && box !== undefined && attribute !== undefined) {
      if (attribute.value.trim() !== '') box.metadata[attribute.name] = attribute.value.trim()
      attribute = undefined
    } else if (name === 'box' && box !== undefined) {
      const { metadata, path, label } = box
      list.add(box.number, { path, label: label.trim(), part: { box: box.box, unit: 'pixel' }, metadata })
      box = undefined
    }
  })
  try {
    parser.write(text).close()
  } catch (cause) {
    throw new SightlineError('LABELS_UNREADABLE', `the label file ${file} is no XML: ${describeError(cause)}`)
  }
  if (hasRoot) return list.end()
  throw new SightlineError('LABELS_UNREADABLE', `the label file ${file} is no export of CVAT: it has no <annotations>`)
}
