/** The dashboard and the alert rules name metrics that a node has, and labels and reasons that there are. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { openMetrics } from '../../src/observe/metrics.ts'

const read = (path: string) => readFileSync(`deploy/monitoring/${path}`, 'utf8')
const rules = parse(read('alerts.yaml')) as {
  groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[]
}
const alerts = rules.groups.flatMap((group) => group.rules)
const dashboard = JSON.parse(read('grafana-dashboard.json')) as {
  panels: { id: number; title: string; targets: { expr: string }[] }[]
}
const expressions = [
  ...alerts.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
  ...dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => [`panel ${title}`, expr] as const),
  ),
]

async function metricNames(): Promise<ReadonlySet<string>> {
  const text = await openMetrics(() => undefined).print()
  return new Set(Array.from(text.matchAll(/^# TYPE (\S+)/gm), ([, name = '']) => name))
}

describe('deploy/monitoring', () => {
  it.each(expressions)('%s names metrics that there are', async (_, expression) => {
    const there = await metricNames()
    const named = expression.match(/\b(?:regent|process|nodejs)_\w+/g) ?? []
    expect(named.filter((name) => !there.has(name.replace(/_(?:bucket|sum|count)$/, '')))).toEqual([])
    expect(named.length > 0 || expression.startsWith('up{')).toBe(true)
  })

  it('names reasons that docs/errors.md lists', () => {
    const listed = readFileSync('docs/errors.md', 'utf8')
    const reasons = expressions.flatMap(([, text]) =>
      Array.from(text.matchAll(/reason="(\w+)"/g), ([, one]) => one),
    )
    expect(reasons.length).toBeGreaterThan(0)
    expect(reasons.filter((reason) => !listed.includes(`\`${reason}\``))).toEqual([])
  })

  it('shows every metric of ours on the dashboard or in an alert', async () => {
    const shown = expressions.map(([, text]) => text).join(' ')
    const ours = [...(await metricNames())].filter((name) => name.startsWith('regent_'))
    expect(ours.length).toBeGreaterThan(15)
    expect(ours.filter((name) => !shown.includes(name))).toEqual(['regent_database_lost_total'])
  })

  it('says of each alert what to do, and has no two panels in one place', () => {
    expect(alerts.filter(({ annotations }) => !annotations.description || !annotations.summary)).toEqual([])
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
  })
})
