/** What of the deployment's files follows from the settings' declarations: variables and secrets in docker-compose.yml, and .env.example. */
import { detectionSettings, detectorSettings } from '../services/detector/settings.ts'
import { embedderSettings } from '../services/embedder/settings.ts'
import { gallerySettings, matcherSettings, matchSettings } from '../services/matcher/settings.ts'
import { kafkaSettings } from '../shared/process/kafka-settings.ts'
import { processSettings } from '../shared/process/process-settings.ts'
import { stageServiceSettings } from '../shared/process/run-stage-service.ts'
import { combine, type Setting, type SettingGroup, variableName } from '../shared/process/settings.ts'
import { describeDefault } from '../shared/process/settings-help.ts'
import { deliverySettings, networkSettings, stageSettings } from '../shared/process/stage-settings.ts'
import { topicSettings } from '../shared/process/topic-settings.ts'
import { composeVariables } from './compose-variables.ts'

/** All settings of each service. */
export const settingsOf: Readonly<Record<string, SettingGroup>> = {
  detector: combine(processSettings, stageServiceSettings, detectorSettings),
  embedder: combine(processSettings, stageServiceSettings, embedderSettings),
  matcher: combine(processSettings, stageServiceSettings, matcherSettings),
  topics: combine(kafkaSettings, topicSettings),
}

/** Where a process listens: every container has its own address and ports, and who asks it knows them. */
export const fixedInContainers: readonly string[] = ['httpHost', 'httpPort']

/** The blocks `x-NAME-settings` of docker-compose.yml. */
const blocks: Readonly<Record<string, SettingGroup>> = {
  kafka: kafkaSettings,
  service: combine(deliverySettings, stageSettings, processSettings),
  network: networkSettings,
  detector: detectionSettings,
  matcher: combine(gallerySettings, matchSettings),
  topic: topicSettings,
}

/** Where Compose's own services are, and what one machine can bear. All else is the service's own default. */
const defaults: Readonly<Record<string, string>> = {
  SIGHTLINE_KAFKA_BROKERS: 'kafka:19092',
  SIGHTLINE_REDIS_URL: 'redis://redis:6379',
  SIGHTLINE_GALLERY: 'http://qdrant:6333/sightline',
  SIGHTLINE_RETENTION_GB: '10',
  SIGHTLINE_LOG_FORMAT: 'text',
}

/** A line of a block, and the secret that it names a file of. */
interface Line {
  readonly variable: string
  readonly setting: Setting
  readonly secret: string | null
}

/** A secret's value has no place in an environment, which `docker inspect` shows; its file has. */
function linesOf(name: string, setting: Setting): readonly Line[] {
  const variable = variableName(name)
  const secret = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  if (setting.isFile === true) return [{ variable, setting, secret }]
  const plain = { variable, setting, secret: null }
  if (setting.isSecret !== true) return [plain]
  const file = { variable: `${variable}_FILE`, setting, secret }
  // What is no secret by default may be given as it is.
  return variable in defaults ? [plain, file] : [file]
}

const linesOfGroup = ({ settings }: SettingGroup): readonly Line[] =>
  Object.entries(settings).flatMap(([name, setting]) =>
    fixedInContainers.includes(name) ? [] : linesOf(name, setting),
  )

const allLines = (): readonly Line[] => Object.values(blocks).flatMap(linesOfGroup)

/** docker-compose.yml with its settings and secrets as they are declared; throws where one of the blocks is not there. */
export function withSettings(compose: string): string {
  const withBlocks = Object.entries(blocks).reduce((text, [name, group]) => {
    const head = `x-${name}-settings: &${name}-settings`
    return replaced(text, head, linesOfGroup(group).map(environmentLine))
  }, compose)
  const secrets = allLines().flatMap(({ variable, secret }) =>
    secret === null ? [] : [`  ${secret}: { file: '\${${variable}:-./deploy/no-secret}' }\n`],
  )
  return replaced(withBlocks, '  # --- of the settings ---', secrets)
}

/** The indented lines that follow `head` become these. */
function replaced(text: string, head: string, lines: readonly string[]): string {
  const start = text.indexOf(`\n${head}\n`) + head.length + 2
  if (start < head.length + 2) throw new Error(`docker-compose.yml has no line '${head}'`)
  return text.slice(0, start) + lines.join('') + text.slice(start).replace(/^(?: {2}.*\n)*/, '')
}

const environmentLine = ({ variable, secret }: Line): string =>
  secret === null
    ? `  ${variable}: \${${variable}:-${defaults[variable] ?? ''}}\n`
    : `  ${variable}: \${${variable}:+/run/secrets/${secret}}\n`

/** Every variable of the Compose files with its text and default, as comments: a line without `#` changes it. */
export function envExample(compose: string, gpu: string): string {
  const head = [
    '# Copy to .env beside docker-compose.yml and take away the # of what you change; `docker compose` reads it.',
    '# Certificates and NAME_FILE are paths of files on this machine, which the user 1000 of the containers may read.',
  ]
  const onGpu = defaultsIn(gpu)
  const sections = Object.entries(blocks).map(([name, group]) => [
    '',
    `# --- ${name} ---`,
    ...linesOfGroup(group).flatMap((line) => {
      const { variable, setting, secret } = line
      const isValueFile = secret !== null && setting.isFile !== true
      const gpuDefault = onGpu.get(variable)
      const notes = gpuDefault === undefined ? '' : ` [docker-compose.gpu.yml: ${gpuDefault}]`
      const value = secret === null ? (defaults[variable] ?? describeDefault(setting.schema)) : ''
      return [`# ${isValueFile ? 'by a file: ' : ''}${setting.help}${notes}`, `#${variable}=${value}`]
    }),
  ])
  return `${[...head, ...sections.flat(), ...composeSection(compose, gpu)].join('\n')}\n`
}

/** What is Compose's own: in the order of the files, with the default that stands there. */
function composeSection(compose: string, gpu: string): readonly string[] {
  const settings = new Set(allLines().map(({ variable }) => variable))
  const found = [...new Map([...defaultsIn(gpu), ...defaultsIn(compose)])].filter(([name]) => !settings.has(name))
  const untold = found.filter(([name]) => !(name in composeVariables)).map(([name]) => name)
  if (untold.length > 0) throw new Error(`deploy/compose-variables.ts has no text for ${untold.join(', ')}`)
  const order = Object.keys(composeVariables)
  const sorted = found.toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b))
  return [
    '',
    '# --- Compose ---',
    ...sorted.flatMap(([name, value]) => [`# ${composeVariables[name]}`, `#${name}=${value}`]),
  ]
}

/** Every `${NAME:-default}`. */
const defaultsIn = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(/\$\{([A-Z][A-Z0-9_]*):[-+]([^}]*)\}/g)].map(([, name = '', value = '']) => [name, value]))
