/** Names the suites that were skipped, one a line: a count of tests does not say what was not proved. */
export default class Skipped {
  constructor({ testNamePattern, rootDir }) {
    this.root = rootDir
    // Whoever asks for some tests by name knows that the others are left out.
    this.chosen = testNamePattern !== undefined && testNamePattern !== ''
  }

  onRunComplete(_contexts, { testResults }) {
    if (this.chosen) return
    const counts = new Map()
    for (const { testFilePath, testResults: tests } of testResults) {
      for (const { status, ancestorTitles, title } of tests) {
        if (status !== 'pending' && status !== 'todo') continue
        const name = `${testFilePath.slice(this.root.length + 1)}: ${ancestorTitles[0] ?? title}`
        counts.set(name, (counts.get(name) ?? 0) + 1)
      }
    }
    for (const [name, count] of counts) process.stderr.write(`skipped: ${name} (${count} tests)\n`)
  }
}
