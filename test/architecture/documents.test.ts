/** The documents name files and commands that are there. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readText } from './source.ts'

const root = resolve(__dirname, '../..')
const documents = ['.', 'docs', 'docs/guides', 'docs/decisions'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
)

describe('documents', () => {
  it.each(documents)('%s links to what is there', (path) => {
    const links = [...readText(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link = '']) => link)
    expect(links.filter((link) => !existsSync(join(root, dirname(path), link)))).toEqual([])
  })

  it.each(documents)('%s names npm scripts that there are', (path) => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> }
    const named = [...readText(path).matchAll(/npm run ([a-z][a-z:-]*)/g)].map(([, name = '']) => name)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })

  it('ARCHITECTURE.md names the folders and files of src that it speaks of', () => {
    const named = [
      ...readText('ARCHITECTURE.md')
        .replaceAll(/https:\S+/g, '')
        .matchAll(/\b((?:[a-z-]+\/)+(?:[a-z-]+\.ts)?)/g),
    ].map(([, name = '']) => name)
    const missing = named.filter(
      (name) => !existsSync(join(root, 'src', name)) && !existsSync(join(root, name)),
    )
    expect(missing).toEqual([])
  })

  it('docs/threats.md names tests that there are', () => {
    const named = [...readText('docs/threats.md').matchAll(/\b(?:test|migrations)\/[\w./-]*\w\/?/g)].map(
      ([name]) => name,
    )
    expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([])
  })
})
