/** docs/errors.md lists every refusal that a client can receive: compared with the source in both directions. */
import { readSource, readText } from './source.ts'

// new OAuthError('code', 'reason', ...), and the functions that stand for one code each.
const DIRECT = /new OAuthError\(\s*'(\w+)',\s*'(\w+)',/g
const BY_FUNCTION = [
  [/\bmalformed\(\s*'(\w+)'/g, 'invalid_client'],
  [/\bauthenticationFailed\(\s*'(\w+)'/g, 'invalid_client'],
  // What `faultOf` returns, and the attempt that has no other reason.
  [
    /(?:return|reason: fault \?\?) '((?:client|credential|method|network|secret|tenant|unknown|workspace|wrong)_\w+)'/g,
    'invalid_client',
  ],
  [/\btooManyWait\(\s*'(\w+)'/g, 'temporarily_unavailable'],
] as const

function inSource(): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>()
  for (const { text, room } of readSource()) {
    if (room === 'resource-server') continue
    for (const [, code = '', reason = ''] of text.matchAll(DIRECT)) reasons.set(reason, code)
    for (const [pattern, code] of BY_FUNCTION) {
      for (const [, reason = ''] of text.matchAll(pattern)) reasons.set(reason, code)
    }
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

  it('has no reason that means something else in the issuance log, where reasons stand beside these', () => {
    expect(['issued', 'dropped', 'refusals_dropped'].filter((word) => inSource().has(word))).toEqual([])
  })

  it('has no refusal whose reason is put together at run time', () => {
    const all = readSource().flatMap(({ text }) => [
      ...text.matchAll(/new OAuthError\(\s*([^,]+),\s*([^,]+),/g),
    ])
    const computed = all.filter(
      ([, code = '', reason = '']) => !/^'\w+'$/.test(code) || !/^'\w+'$/.test(reason),
    )
    // The functions that stand for one code.
    expect(computed.map(([text]) => text.replaceAll(/\s+/g, ' '))).toEqual([
      "new OAuthError( 'invalid_client', reason,",
      "new OAuthError('temporarily_unavailable', reason,",
      "new OAuthError('invalid_client', reason,",
    ])
  })
})

describe('docs/problems.md', () => {
  it('lists every reason with which administration refuses, and no other', () => {
    const found = readSource().flatMap(({ text }) => [
      ...text.matchAll(/new Problem\(\s*\d+,\s*'(\w+)'/g),
      ...text.matchAll(/new ChangeRefusal\(\s*[^,]+,\s*'(\w+)'/g),
    ])
    const listed = [...readText('docs/problems.md').matchAll(/^\| `(\w+)` +\| \d+ +\|/gm)]
    const reasons = (all: readonly RegExpMatchArray[]) =>
      [...new Set(all.map(([, reason]) => reason))].toSorted()
    expect(reasons(listed)).toEqual(reasons(found))
    expect(listed.length).toBeGreaterThan(40)
  })
})
