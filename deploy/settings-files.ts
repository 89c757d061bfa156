/** What of the deployment's files follows from the settings' declarations: the variables in docker-compose.yml, and .env.example. */
import { detectionSettings, detectorSettings } from '../services/detector/settings.ts'
import { embedderSettings } from '../services/embedder/settings.ts'
import { gallerySettings, matcherSettings, matchSettings } from '../services/matcher/settings.ts'
import { kafkaSettings } from '../shared/process/kafka-settings.ts'
import { processSettings } from '../shared/process/process-settings.ts'
import { stageServiceSettings } from '../shared/process/run-stage-service.ts'
import { combine, type SettingGroup, variableName } from '../shared/process/settings.ts'
import { describeDefault } from '../shared/process/settings-help.ts'
import { deliverySettings, networkSettings, stageSettings } from '../shared/process/stage-settings.ts'

/** All settings of each service. */
export const settingsOf: Readonly<Record<string, SettingGroup>> = {
  detector: combine(processSettings, stageServiceSettings, detectorSettings),
  embedder: combine(processSettings, stageServiceSettings, embedderSettings),
  matcher: combine(processSettings, stageServiceSettings, matcherSettings),
}

/** The blocks `x-NAME-settings` of docker-compose.yml. */
const blocks: Readonly<Record<string, SettingGroup>> = {
  kafka: kafkaSettings,
  service: combine(deliverySettings, stageSettings, processSettings),
  network: networkSettings,
  detector: detectionSettings,
  matcher: combine(gallerySettings, matchSettings),
}

/** Where Compose's own services are. All else is the service's own default. */
const defaults: Readonly<Record<string, string>> = {
  SIGHTLINE_KAFKA_BROKERS: 'kafka:19092',
  SIGHTLINE_REDIS_URL: 'redis://redis:6379',
  SIGHTLINE_GALLERY: 'http://qdrant:6333/sightline',
}

/** docker-compose.yml with its settings as they are declared; throws where one of the blocks is not there. */
export function withSettings(compose: string): string {
  return Object.entries(blocks).reduce((text, [name, group]) => {
    const block = new RegExp(`(^x-${name}-settings: &${name}-settings\\n)(?: {2}.*\\n)*`, 'm')
    if (!block.test(text)) throw new Error(`docker-compose.yml has no x-${name}-settings`)
    return text.replace(block, (_, head: string) => `${head}${linesOf(group)}`)
  }, compose)
}

function linesOf({ settings }: SettingGroup): string {
  const variables = Object.entries(settings).flatMap(([name, { isSecret }]) =>
    isSecret === true ? [variableName(name), `${variableName(name)}_FILE`] : [variableName(name)],
  )
  return variables.map((variable) => `  ${variable}: \${${variable}:-${defaults[variable] ?? ''}}\n`).join('')
}

/** Every variable with its text and default, as comments: a line without `#` changes it. */
export function envExample(): string {
  const head = [
    '# Copy to .env beside docker-compose.yml and take away the # of what you change; `docker compose` reads it.',
    '# Each can be given by a file instead: NAME_FILE is the path of one that holds the value (in Compose: of secrets).',
  ]
  const told = new Set<string>()
  const sections = Object.entries(blocks).map(([name, { settings }]) => {
    const lines = Object.entries(settings).flatMap(([setting, { schema, help }]) => {
      const variable = variableName(setting)
      if (told.has(variable)) return []
      told.add(variable)
      return [`# ${help}`, `#${variable}=${defaults[variable] ?? describeDefault(schema)}`]
    })
    return ['', `# --- ${name} ---`, ...lines]
  })
  return `${[...head, ...sections.flat()].join('\n')}\n`
}
