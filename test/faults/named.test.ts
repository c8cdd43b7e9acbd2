/** Each fault of the bench is named where people look for it. */
import { readFileSync } from 'node:fs'
import { faults } from './faults/index.ts'

const rows = readFileSync('docs/threats.md', 'utf8').split('\n')
const guide = readFileSync('docs/guides/faults.md', 'utf8')

describe('the faults of the bench', () => {
  it.each(faults.map(({ name, threat }) => [name, threat]))(
    '%s is named with its threat, %s',
    (name, threat) => {
      const row = rows.find((line) => line.startsWith(`| ${threat} `)) ?? ''
      expect(row.split(/[|:,;] */).map((word) => word.trim())).toContain(name)
    },
  )

  it.each(faults.map(({ name }) => [name]))('%s is in the guide', (name) => {
    // `database-refused`, `-resets`: the second one begins as the first does.
    const named = [...guide.matchAll(/^\| (`.*?) +\|/gm)].flatMap(([, cell = '']) => {
      const words = [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
      const stem = words[0]?.replace(/(?<=^(?:database|listen))-.*$/, '') ?? ''
      return words.map((word) => (word.startsWith('-') ? `${stem}${word}` : word))
    })
    expect(named).toContain(name)
  })

  it('are of every threat that is to be broken in earnest', () => {
    const threats = new Set(faults.map(({ threat }) => threat))
    const numbers = [61, 62, 63, 64, 65, 66, 67, 68, 71, 72, 73, 76]
    expect(numbers.filter((number) => !threats.has(`T${number}`))).toEqual([])
  })
})
