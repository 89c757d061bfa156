/** Writes what follows from the settings' declarations into the deployment's files; a test holds them against it. */
import { readFile, writeFile } from 'node:fs/promises'
import { envExample, withSettings } from './settings-files.ts'

const compose = new URL('../docker-compose.yml', import.meta.url)
await writeFile(compose, withSettings(await readFile(compose, 'utf8')))
await writeFile(new URL('../.env.example', import.meta.url), envExample())
