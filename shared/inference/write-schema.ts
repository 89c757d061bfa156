/** Writes the JSON Schema of the model manifest to docs/, where the Python that writes manifests finds it; a test holds the file against the code. */
import { writeFile } from 'node:fs/promises'
import { modelManifestJsonSchema } from './model-manifest.ts'

const file = new URL('../../docs/model-manifest.schema.json', import.meta.url)
await writeFile(file, `${JSON.stringify(modelManifestJsonSchema(), null, 2)}\n`)
