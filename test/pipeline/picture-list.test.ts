/** Lists of every kind come to the same pictures; what of them can't be used is told, and nothing else is lost. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readPictureList } from '../../pipeline/lists/picture-list.ts'

async function read(name: string, content: unknown, root = '/r') {
  const file = join(await mkdtemp(join(tmpdir(), 'sightline-')), name)
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
  return readPictureList(file, root)
}

const part = (box: readonly number[], unit = 'pixel') => ({ box, unit })

describe('JSON lines', () => {
  test('tell metadata and boxes, under the names that people give them', async () => {
    const lines = [
      { path: 'a.jpg', label: 'Cola', item: 'c1', metadata: { store: 12, tags: ['x'] } },
      { file_name: 'a.jpg', name: 'Tea', box: [1, 2, 30, 40], aisle: 'b' },
      { image: 'b.jpg', label: '\u{1F9C3} juice', sku: 4711 },
    ]
    const { pictures, problems } = await read('l.jsonl', `\n${lines.map((one) => JSON.stringify(one)).join('\r\n')}\n`)
    expect(problems).toEqual([])
    expect(pictures).toEqual([
      { path: 'a.jpg', file: '/r/a.jpg', label: 'Cola', item: 'c1', metadata: { store: 12, tags: ['x'] } },
      {
        path: 'a.jpg#xywh=1,2,29,38',
        file: '/r/a.jpg',
        label: 'Tea',
        item: 'Tea',
        part: part([1, 2, 30, 40]),
        metadata: { aisle: 'b' },
      },
      { path: 'b.jpg', file: '/r/b.jpg', label: '\u{1F9C3} juice', item: '4711' },
    ])
    expect((await read('l.json', lines)).pictures).toEqual(pictures)
  })

  test.each([
    ['no JSON', '{"path": ', /it is no JSON/],
    ['a list', '[1]', /not `/],
    ['no label', '{"path": "x.jpg"}', /not `/],
    ['a label that is a list', '{"path": "x.jpg", "label": ["a"]}', /are texts/],
    ['a label of 10 kB', JSON.stringify({ path: 'x.jpg', label: 'l'.repeat(10_240) }), /10240 characters/],
    ['a label with a tab', '{"path": "x.jpg", "label": "a\\tb"}', /control character U\+0009/],
    ['metadata that is a text', '{"path": "x.jpg", "label": "a", "metadata": "b"}', /no object of fields/],
    ['metadata that is a list', '{"path": "x.jpg", "label": "a", "metadata": [1]}', /no object of fields/],
    ['metadata of 20 kB', JSON.stringify({ path: 'x.jpg', label: 'a', note: 'n'.repeat(20_000) }), /at most 16384/],
    ['a field of our own', '{"path": "x.jpg", "label": "a", "metadata": {"sha256": "b"}}', /Sightline writes its own/],
    ['a field with a quote', '{"path": "x.jpg", "label": "a", "metadata": {"a\\"b": 1}}', /holds a quote/],
    ['a box of three', '{"path": "x.jpg", "label": "a", "box": [1, 2, 3]}', /\[x1, y1, x2, y2\]/],
    ['a box of texts', '{"path": "x.jpg", "label": "a", "box": ["1", "2", "3", "4"]}', /\[x1, y1, x2, y2\]/],
    ['an empty box', '{"path": "x.jpg", "label": "a", "box": [5, 5, 5, 9]}', /is empty/],
    ['a picture twice', '{"path": "./ok.jpg", "label": "other"}', /stands there already, as ok/],
  ])('with %s lose that line only', async (_what, line, message) => {
    const { pictures, problems } = await read('l.jsonl', `{"path": "ok.jpg", "label": "ok"}\n${line}\n`)
    expect(pictures).toHaveLength(1)
    expect(problems).toEqual([{ line: 2, message: expect.stringMatching(message) }])
  })
})

test('a CSV with a header tells metadata and boxes', async () => {
  const text = 'path,label,store,x1,y1,x2,y2\na.jpg,"Oat, rolled",12,1,2,30,40\nb.jpg,Tea,,,,,\nc.jpg,Tea,13,1,2,x,4\n'
  const { pictures, problems } = await read('l.csv', text)
  expect(pictures).toMatchObject([
    { path: 'a.jpg#xywh=1,2,29,38', label: 'Oat, rolled', metadata: { store: '12' }, part: part([1, 2, 30, 40]) },
    { path: 'b.jpg', label: 'Tea' },
  ])
  expect(pictures[1]).not.toHaveProperty('part')
  expect(problems).toEqual([{ line: 4, message: 'the box is not of four numbers' }])
})

test('a folder of each item is a list, whatever lies deeper in it', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sightline-'))
  for (const path of [
    'Cola 330 ml/front.jpg',
    'Cola 330 ml/more/side.png',
    'Tee \u{1F375}/a.jpg',
    'loose.jpg',
    'x/notes.txt',
  ]) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), '')
  }
  const { pictures, problems } = await readPictureList(root, '/nowhere')
  expect(pictures).toEqual([
    {
      path: 'Cola 330 ml/front.jpg',
      file: join(root, 'Cola 330 ml/front.jpg'),
      label: 'Cola 330 ml',
      item: 'Cola 330 ml',
    },
    {
      path: 'Cola 330 ml/more/side.png',
      file: join(root, 'Cola 330 ml/more/side.png'),
      label: 'Cola 330 ml',
      item: 'Cola 330 ml',
    },
    {
      path: 'Tee \u{1F375}/a.jpg',
      file: join(root, 'Tee \u{1F375}/a.jpg'),
      label: 'Tee \u{1F375}',
      item: 'Tee \u{1F375}',
    },
  ])
  expect(problems).toMatchObject([
    { where: expect.stringContaining('picture'), message: expect.stringContaining('loose.jpg') },
  ])
})

test('COCO: each box is a picture of its category', async () => {
  const { pictures, problems } = await read('instances.json', {
    images: [{ id: 1, file_name: 'a.jpg', width: 9, height: 9 }],
    categories: [{ id: 7, name: 'Cola', supercategory: 'drink' }],
    annotations: [
      { id: 1, image_id: 1, category_id: 7, bbox: [10, 20, 30, 40], attributes: { side: 'front' } },
      { id: 2, image_id: 1, category_id: 7, bbox: [10, 20, 30.5, 40], iscrowd: 1 },
      { id: 3, image_id: 2, category_id: 7, bbox: [10, 20, 30, 40] },
      { id: 4, image_id: 1, category_id: 8, bbox: [10, 20, 30, 40] },
      { id: 5, image_id: 1, category_id: 7, bbox: [10, 20] },
    ],
  })
  expect(pictures).toEqual([
    {
      path: 'a.jpg#xywh=10,20,30,40',
      file: '/r/a.jpg',
      label: 'Cola',
      item: 'Cola',
      part: part([10, 20, 40, 60]),
      metadata: { side: 'front', supercategory: 'drink' },
    },
  ])
  expect(problems.map(({ where, message }) => `${where}: ${message}`)).toEqual([
    'annotation 2: it is a crowd',
    'annotation 3: no image has the id 2',
    'annotation 4: no category has the id 8',
    'annotation 5: it has no image_id, category_id and bbox of four numbers',
  ])
})

describe('CVAT', () => {
  test('each box is a picture of its label, with its attributes', async () => {
    const { pictures, problems } = await read(
      'annotations.xml',
      `<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><name>shelf</name></task></meta>
       <image id="0" name="sub/a &amp; b.jpg" width="100" height="100">
         <box label="Cola &lt;330&gt;" xtl="1.5" ytl="2" xbr="30" ybr="40" occluded="0"><attribute name="side">front</attribute>
           <attribute name="note"></attribute></box>
         <polygon label="Tea" points="1,2;3,4"/><box label="Tea" xtl="1" ytl="2" ybr="40"/></image></annotations>`,
    )
    expect(pictures).toEqual([
      {
        path: 'sub/a & b.jpg#xywh=1.5,2,28.5,38',
        file: '/r/sub/a & b.jpg',
        label: 'Cola <330>',
        item: 'Cola <330>',
        part: part([1.5, 2, 30, 40]),
        metadata: { side: 'front' },
      },
    ])
    expect(problems).toMatchObject([{ where: 'box 2', message: 'the box is not of four numbers' }])
  })

  test.each([
    ['cut short', '<annotations><image name="a.jpg"><box', /is no XML/],
    ['of something else', '<svg></svg>', /no export of CVAT/],
    ['without boxes', '<annotations></annotations>', /lists no pictures/],
  ])('%s is refused', async (_what, text, message) => {
    await expect(read('a.xml', text)).rejects.toMatchObject({
      code: 'LABELS_UNREADABLE',
      message: expect.stringMatching(message),
    })
  })
})

test('Label Studio: each rectangle is a picture of its label, wherever its server kept the file', async () => {
  const task = (image: string, ...values: unknown[]) => ({
    data: { image },
    annotations: [{ result: values.map((value) => ({ type: 'rectanglelabels', value })) }],
  })
  const box = { x: 10, y: 20, width: 30, height: 40, rotation: 0, rectanglelabels: ['Cola'] }
  const { pictures, problems } = await read('project.json', [
    task('/data/upload/3/ab12-a%20b.jpg', box, { text: ['a note'] }),
    task('/data/local-files/?d=shelf/b.jpg', box),
    task('https://example.com/pictures/c.jpg', { choices: ['Tea'] }),
    task('d.jpg', { ...box, rotation: 12 }),
    { data: {}, annotations: [] },
    { data: { image: 'e.jpg' }, annotations: [{ was_cancelled: true, result: [{ value: box }] }] },
  ])
  expect(pictures.map(({ path, label }) => [path, label])).toEqual([
    ['ab12-a b.jpg#xywh=percent:10,20,30,40', 'Cola'],
    ['shelf/b.jpg#xywh=percent:10,20,30,40', 'Cola'],
    ['pictures/c.jpg', 'Tea'],
  ])
  expect(pictures[0]).toMatchObject({ file: '/r/ab12-a b.jpg', part: part([10, 20, 40, 60], 'percent') })
  expect(problems.map(({ where, message }) => `${where}: ${message}`)).toEqual([
    'task 4: a rectangle is turned: draw it upright',
    'task 5: its data names no picture',
  ])
  const minimal = [{ image: '/data/upload/3/a.jpg', id: 1, annotation_id: 2, label: [box] }]
  expect((await read('min.json', minimal)).pictures).toMatchObject([
    { path: 'a.jpg#xywh=percent:10,20,30,40', label: 'Cola' },
  ])
})

test('Google Product Search: eight columns, with labels and polygons', async () => {
  const { pictures, problems } = await read(
    'products.csv',
    [
      'gs://bucket/dir/a.jpg,img-1,set,c1,packagedgoods-v1,"Cola, 330 ml","color=red,color=white,size=330","0.1,0.2,0.5,0.2,0.5,0.6,0.1,0.6"',
      '"gs://bucket/b.jpg",,set,c2,,,,',
      'gs://bucket/c.jpg,,set,c3,,,,"0.1,7"',
    ].join('\n'),
  )
  expect(pictures).toEqual([
    {
      path: 'dir/a.jpg#xywh=percent:10,20,40,40',
      file: '/r/dir/a.jpg',
      label: 'Cola, 330 ml',
      item: 'c1',
      part: part([10, 20, 50, 60], 'percent'),
      metadata: {
        color: ['red', 'white'],
        size: '330',
        'image-id': 'img-1',
        'product-set-id': 'set',
        'product-category': 'packagedgoods-v1',
      },
    },
    { path: 'b.jpg', file: '/r/b.jpg', label: 'c2', item: 'c2', metadata: { 'product-set-id': 'set' } },
  ])
  expect(problems).toEqual([{ line: 3, message: expect.stringContaining('bounding-poly') }])
})

test.each([
  ['cut short', '{"images": [', /is no JSON/],
  ['of something else', '{"a": 1}', /neither COCO .* nor an export of Label Studio/],
  ['of nothing', '[]', /lists no pictures/],
])('JSON %s is refused', async (_what, text, message) => {
  await expect(read('a.json', text)).rejects.toMatchObject({ message: expect.stringMatching(message) })
})
