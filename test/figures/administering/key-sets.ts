/** Key sets of all nodes as they were fetched, and what the tokens of each key need of them. */
import type { Tenant } from './place.ts'

export type Workspace = {
  readonly tenant: Tenant
  readonly slug: string
  readonly issuer: string
  readonly secret: string
}

/** Milliseconds since 1970: in between, a node answered it. */
type KeySet = { readonly sent: number; readonly answered: number; readonly kids: ReadonlySet<string> }
/** Seconds since 1970. */
type Signed = { lastEnds: number; tokens: number }

export function setsAndTokens() {
  const sets = new Map<Workspace, KeySet[]>()
  /** The same text is the same set. */
  const known = new Map<string, ReadonlySet<string>>()
  const signed = new Map<Workspace, Map<string, Signed>>()
  let tokens = 0
  let fetched = 0

  return {
    takeSet(workspace: Workspace, text: string, sent: number): void {
      const kids =
        known.get(text) ??
        new Set((JSON.parse(text) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid))
      known.set(text, kids)
      const own = sets.get(workspace) ?? []
      sets.set(workspace, own)
      own.push({ sent, answered: Date.now(), kids })
      fetched += 1
    },

    takeToken(workspace: Workspace, token: string): void {
      const [header, claims] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString())
      const { kid } = JSON.parse(header ?? '') as { kid: string }
      const { exp } = JSON.parse(claims ?? '') as { exp: number }
      const own = signed.get(workspace) ?? new Map<string, Signed>()
      signed.set(workspace, own)
      const one = own.get(kid) ?? { lastEnds: exp, tokens: 0 }
      own.set(kid, one)
      one.lastEnds = Math.max(one.lastEnds, exp)
      one.tokens += 1
      tokens += 1
    },

    counts: () => ({
      tokens,
      sets: fetched,
      kids: [...signed.values()].reduce((sum, own) => sum + own.size, 0),
    }),

    /** @param from seconds since 1970, by key: from then on it must be in every set, until its last token has ended */
    faults(from: ReadonlyMap<string, number>): readonly string[] {
      const wrong: string[] = []
      for (const [workspace, own] of signed)
        for (const [kid, { lastEnds }] of own) {
          const begins = (from.get(kid) ?? 0) * 1000
          const ends = lastEnds * 1000
          const lacking = (sets.get(workspace) ?? []).filter(
            ({ sent, answered, kids }) => sent >= begins && answered <= ends && !kids.has(kid),
          )
          if (lacking.length > 0) wrong.push(`${workspace.slug}: ${lacking.length} sets lack ${kid}`)
        }
      return wrong
    },
  }
}
