/** The settings of every process of ours: where it answers, what it tells, how long it may take to end. */
import { logFormats, logLevels } from './log.ts'
import { settingGroup } from './settings.ts'
import { take } from './take.ts'

export const processSettings = settingGroup({
  httpHost: { schema: take.text().default('0.0.0.0'), help: 'address for /livez, /readyz and /metrics' },
  httpPort: { schema: take.integer(0, 65535).default(8080), help: 'port for them; 0 takes a free one' },
  logLevel: {
    schema: take.choice(logLevels).default('info'),
    help: 'debug, info, warn or error; debug tells of every frame',
  },
  logFormat: {
    schema: take.choice(logFormats).default('json'),
    help: 'json, a line of it a message, or text for people',
  },
  drainSeconds: { schema: take.number(1, 3600).default(30), help: 'time to finish what is under way after SIGTERM' },
})
