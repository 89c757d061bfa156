/** Dashboard and alerts ask for numbers that the services have, by labels that these have. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { Health } from '../../shared/process/health.ts'
import { Metrics } from '../../shared/process/metrics.ts'
import { readCompose, root } from './compose-file.ts'

interface Panel {
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly datasource?: { readonly uid: string }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const read = (path: string): string => readFileSync(join(root, 'deploy', path), 'utf8')
const dashboard = JSON.parse(read('grafana/dashboards/sightline.json')) as { readonly panels: readonly Panel[] }
const alerts = (
  parse(read('prometheus/alerts.yml')) as {
    groups: { rules: { alert: string; expr: string; labels: object; annotations: object }[] }[]
  }
).groups.flatMap(({ rules }) => rules)
const targets = dashboard.panels.flatMap(({ title, targets: ofPanel = [] }) =>
  ofPanel.map(({ expr, legendFormat }) => [title, expr, legendFormat] as const),
)

/** Name and labels of every metric after one message ended in each way. */
async function exported(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const health = new Health()
  health.add({ name: 'kafka', isRequired: true, check: () => Promise.resolve() })
  const metrics = new Metrics(health)
  const known = { id: 'f', position: 'p', traceparent: undefined, outputs: 1 }
  const end = { ...known, error: null, reason: 'because', ageSeconds: 1 }
  const kinds = ['done', 'skipped', 'failed', 'dropped'] as const
  metrics.observe({ stage: 'matcher', subject: 'frame', seconds: 1, ends: kinds.map((kind) => ({ ...end, kind })) })
  metrics.observeNetworkBatch('embedder', 4)
  const subscription = {
    oldest: () => 0,
    lost: () => 0,
    troubles: () => [],
    lag: async () => 0,
    closed: new Promise<void>(() => undefined),
    [Symbol.asyncDispose]: async () => undefined,
  }
  metrics.watch({ name: 'matcher', subscription, network: null }, Date.now)
  const found = new Map<string, Set<string>>([['up', new Set()]])
  for (const [, name = '', labels = ''] of (await metrics.text()).matchAll(/^([a-z0-9_]+)(?:\{(.*)\})? /gm)) {
    const known = found.get(name) ?? new Set()
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label)
    found.set(name, known)
  }
  return found
}

/** Labels that Prometheus adds to what a service says. */
const added = ['service', 'instance', 'job']

const metrics = await exported()

describe.each([
  ...targets.map(([title, expr]) => [`the panel "${title}"`, expr] as const),
  ...alerts.map(({ alert, expr }) => [`the alert ${alert}`, expr] as const),
])('%s', (_name, expr) => {
  const names = [...expr.matchAll(/[a-z][a-z0-9_]+(?=[{[) ]|$)/g)]
    .map(([name]) => name)
    .filter((name) => /^(sightline|nodejs|process)_|^up$/.test(name))

  test('asks for what the services tell', () => {
    expect(names.length).toBeGreaterThan(0)
    expect(names.filter((name) => !metrics.has(name))).toEqual([])
  })

  test('groups and selects by labels that are there', () => {
    const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/))
    const selected = [...expr.matchAll(/(\w+)="/g)].map(([, label = '']) => label)
    const there = new Set([...added, ...names.flatMap((name) => [...(metrics.get(name) ?? [])])])
    expect([...grouped, ...selected].filter((label) => !there.has(label))).toEqual([])
    expect(expr.replaceAll(/[^(]/g, '').length).toBe(expr.replaceAll(/[^)]/g, '').length)
  })
})

test('the age of the oldest frame that waits is seen first', () => {
  const [first] = dashboard.panels.toSorted((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x)
  expect(first!.targets![0]!.expr).toContain('sightline_oldest_unprocessed_seconds')
})

test('no panel lies on another, and each asks the data source that is provisioned', () => {
  const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
  const { datasources } = parse(read('grafana/provisioning/datasources/prometheus.yml')) as {
    datasources: { uid: string; url: string }[]
  }
  expect(datasources).toMatchObject([{ uid: 'prometheus', url: 'http://prometheus:9090' }])
  for (const { datasource } of dashboard.panels) if (datasource) expect(datasource.uid).toBe('prometheus')
})

test('Prometheus asks the services of the Compose file, and Grafana finds the dashboard where it is mounted', () => {
  const { scrape_configs: scrapes, rule_files: rules } = parse(read('prometheus/prometheus.yml')) as {
    scrape_configs: { dns_sd_configs: { names: string[]; port: number }[] }[]
    rule_files: string[]
  }
  const { services } = readCompose()
  expect(scrapes[0]!.dns_sd_configs[0]).toMatchObject({ names: ['detector', 'embedder', 'matcher'], port: 8080 })
  for (const name of scrapes[0]!.dns_sd_configs[0]!.names) expect(services).toHaveProperty(name)
  expect(services['prometheus']!.volumes!.map((volume) => volume.split(':')[1])).toContain(rules[0])
  const { providers } = parse(read('grafana/provisioning/dashboards/sightline.yml')) as {
    providers: { options: { path: string } }[]
  }
  expect(services['grafana']!.volumes!.map((volume) => volume.split(':')[1])).toContain(providers[0]!.options.path)
})

test('every alert says how urgent it is, what happened and what to look at', () => {
  for (const { labels, annotations } of alerts) {
    expect(labels).toMatchObject({ severity: expect.stringMatching(/^(page|ticket)$/) })
    expect(annotations).toMatchObject({ summary: expect.any(String), description: expect.any(String) })
  }
})
