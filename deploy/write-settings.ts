/** Writes what follows from the settings' declarations into the deployment's files; a test holds them against it. */
import { readFile, writeFile } from 'node:fs/promises'
import { envExample, withSettings } from './settings-files.ts'

const file = (name: string): URL => new URL(`../${name}`, import.meta.url)
const compose = withSettings(await readFile(file('docker-compose.yml'), 'utf8'))
await writeFile(file('docker-compose.yml'), compose)
await writeFile(file('.env.example'), envExample(compose, await readFile(file('docker-compose.gpu.yml'), 'utf8')))
