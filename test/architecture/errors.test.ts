/** docs/errors.md lists every refusal that a client can receive: compared with the source in both directions. */
import { readSource, readText } from './source.ts'

// new OAuthError('code', 'reason', ...), and the functions that stand for one code: refused('reason'), malformed('reason').
const DIRECT = /new OAuthError\(\s*'(\w+)',\s*'(\w+)',/g
const BY_FUNCTION = /\b(?:refused|malformed)\(\s*'(\w+)'/g

function inSource(): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>()
  for (const { text, room } of readSource()) {
    if (room === 'resource-server') continue
    for (const [, code = '', reason = ''] of text.matchAll(DIRECT)) reasons.set(reason, code)
    for (const [, reason = ''] of text.matchAll(BY_FUNCTION)) reasons.set(reason, 'invalid_client')
  }
  return reasons
}

function inDocument(): ReadonlyMap<string, string> {
  const rows = readText('docs/errors.md').matchAll(/^\| `(\w+)` +\| `(\w+)` +\|/gm)
  return new Map([...rows].map(([, reason = '', code = '']) => [reason, code]))
}

describe('docs/errors.md', () => {
  it('lists every reason of the source with its code, and no other', () => {
    const sorted = (reasons: ReadonlyMap<string, string>) =>
      [...reasons].map((pair) => pair.join(' ')).toSorted()
    expect(inSource().size).toBeGreaterThan(40)
    expect(sorted(inDocument())).toEqual(sorted(inSource()))
  })

  it('has no refusal whose reason is put together at run time', () => {
    const all = readSource().flatMap(({ text }) => [
      ...text.matchAll(/new OAuthError\(\s*([^,]+),\s*([^,]+),/g),
    ])
    const computed = all.filter(
      ([, code = '', reason = '']) => !/^'\w+'$/.test(code) || !/^'\w+'$/.test(reason),
    )
    // The two functions that stand for one code, and the bare server_error.
    expect(computed.map(([text]) => text.replaceAll(/\s+/g, ' '))).toEqual([
      "new OAuthError( 'invalid_client', reason,",
      "new OAuthError('invalid_client', reason,",
    ])
  })
})
