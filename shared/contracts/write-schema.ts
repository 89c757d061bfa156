/** Writes the JSON Schema of the public event to docs/, where its readers find it; a test holds the file against the code. */
import { writeFile } from 'node:fs/promises'
import { recognitionEventJsonSchema } from './recognition-event.ts'

const file = new URL('../../docs/recognition-event.schema.json', import.meta.url)
await writeFile(file, `${JSON.stringify(recognitionEventJsonSchema(), null, 2)}\n`)
