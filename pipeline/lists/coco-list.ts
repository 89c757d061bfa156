/** COCO's annotations as a list: each box is a picture of its category. */
import { z } from 'zod'
import { type LabelFile, ListCollector } from './list-collector.ts'

const id = z.union([z.number(), z.string()])

export const cocoSchema = z.object({
  images: z.array(z.object({ id, file_name: z.string() })),
  annotations: z.array(z.unknown()),
  categories: z.array(z.object({ id, name: z.string(), supercategory: z.string().nullish() })),
})

const annotationSchema = z.object({
  id: id.optional(),
  image_id: id,
  category_id: id,
  /** Left, top, width and height in pixels. */
  bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]),
  iscrowd: z.union([z.number(), z.boolean()]).optional(),
  /** As CVAT and others write them. */
  attributes: z.record(z.string(), z.unknown()).optional(),
})

export function parseCoco({ images, annotations, categories }: z.infer<typeof cocoSchema>, root: string): LabelFile {
  const list = new ListCollector(root, 'annotation', 'image_id, category_id, bbox')
  const files = new Map(images.map((image) => [image.id, image.file_name]))
  const names = new Map(categories.map((category) => [category.id, category]))
  for (const [index, found] of annotations.entries()) {
    const number = index + 1
    const { data: annotation } = annotationSchema.safeParse(found)
    if (annotation === undefined) {
      list.refuse(number, 'it has no image_id, category_id and bbox of four numbers')
      continue
    }
    const [path, category] = [files.get(annotation.image_id), names.get(annotation.category_id)]
    const { bbox, attributes = {}, iscrowd } = annotation
    if (path === undefined) list.refuse(number, `no image has the id ${annotation.image_id}`)
    else if (category === undefined) list.refuse(number, `no category has the id ${annotation.category_id}`)
    // A crowd is a region with several: a picture of none of them.
    else if (iscrowd === 1 || iscrowd === true) list.refuse(number, 'it is a crowd')
    else {
      const [left, top, width, height] = bbox
      const above = category.supercategory
      list.add(number, {
        path,
        label: category.name,
        part: { box: [left, top, left + width, top + height], unit: 'pixel' },
        metadata: { ...attributes, ...(above && above !== category.name && { supercategory: above }) },
      })
    }
  }
  return list.end()
}
