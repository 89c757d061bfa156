/** Reads deploy/Dockerfile. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './compose-file.ts'

/** What follows each instruction of that name, with continued lines joined. */
export function instructions(name: string): readonly string[] {
  return readFileSync(join(root, 'deploy', 'Dockerfile'), 'utf8')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.startsWith(`${name} `))
    .map((line) => line.slice(name.length).trim())
}

/** The variables that the image gives to every process. */
export const imageEnvironment = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    instructions('ENV').flatMap((rest) =>
      [...rest.matchAll(/([A-Z_]+)=(?:"([^"]*)"|(\S+))/g)].map(([, name = '', quoted, plain]) => [
        name,
        quoted ?? plain ?? '',
      ]),
    ),
  )
