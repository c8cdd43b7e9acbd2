/** What was measured, as a table, as JSON, and as a chart. */
import { SIGNATURE, type Row } from './measure.ts'

export type Report = {
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
  readonly rows: readonly Row[]
  readonly ratios: Readonly<Record<string, number>>
}

export function table({ machine, versions, rows, ratios }: Report): string {
  const lines = [
    ['', 'tokens/s/core', 'CPU µs/token', 'p50 ms', 'p99 ms', 'RSS MB', 'does for each token'],
    ...rows.map((row) => [
      row.name,
      Math.round(row.tokensPerSecondPerCore).toLocaleString('en'),
      row.cpuMicrosPerToken.toFixed(1),
      row.p50Millis?.toFixed(2) ?? '',
      row.p99Millis?.toFixed(2) ?? '',
      row.rssBytes === null ? '' : String(Math.round(row.rssBytes / 1e6)),
      row.does,
    ]),
  ]
  return [
    `${machine}; ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    '',
    ...aligned(lines),
    '',
    ...aligned(Object.entries(ratios).map(([name, value]) => [name, value.toFixed(2)])),
  ].join('\n')
}

export function aligned(lines: readonly (readonly string[])[]): readonly string[] {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  return lines.map((line) =>
    line
      .map((cell, column) => {
        const last = column === line.length - 1 && column > 1
        if (last) return cell
        return column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
      })
      .join('  ')
      .trimEnd(),
  )
}

const BAR = 26
const LEFT = 230
const WIDTH = 760

/** Bars of tokens a second and core, Regent's darker. */
export function chart({ machine, versions, rows: all }: Report): string {
  const rows = all.filter(({ name }) => name !== SIGNATURE)
  const most = Math.max(...rows.map(({ tokensPerSecondPerCore }) => tokensPerSecondPerCore))
  const height = 58 + rows.length * BAR
  const bars = rows.map(({ name, tokensPerSecondPerCore: value }, index) => {
    const y = 40 + index * BAR
    const width = Math.max(1, (value / most) * (WIDTH - LEFT - 90))
    const fill = name.startsWith('Regent') ? '#1f5fbf' : '#a9b4c2'
    return [
      `<text x="${LEFT - 8}" y="${y + 14}" text-anchor="end">${name}</text>`,
      `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 8}" fill="${fill}"/>`,
      `<text x="${(LEFT + width + 6).toFixed(1)}" y="${y + 14}">${Math.round(value).toLocaleString('en')}</text>`,
    ].join('\n  ')
  })
  const under = `${machine}; ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="13">
  <rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
  <text x="${LEFT}" y="22" font-weight="bold">Tokens a second and core of server CPU</text>
  ${bars.join('\n  ')}
  <text x="8" y="${height - 8}" font-size="10" fill="#555555">${under}</text>
</svg>
`
}
