/** What `regent master-key status` says of a region, for people. */
import type { MasterKeyNeed, MasterKeyStatus } from '../changes/master-key-status.ts'
import { say } from './print.ts'

export function tellStatus({ region, nodes, sealsWith, keys }: MasterKeyStatus): void {
  const live = nodes.filter((node) => node.live).length
  const silent = nodes.length - live
  say(
    `${region}: ${count(live, 'live node')}${silent > 0 ? `, and ${silent} that went silent and may come back` : ''}`,
  )
  if (sealsWith !== undefined) say(`  what is new is sealed with ${sealsWith}`)
  else if (live > 0) say('  the nodes do not seal with the same key: nothing is sealed anew until they do')
  for (const key of keys) {
    say(`  ${key.id}`)
    say(`    known to  ${knownTo(key)}`)
    say(`    needed by ${needs(key)}`)
    say(`    may be taken away: ${verdict(key)}`)
  }
}

function knownTo({ knownTo: known, unknownTo: unknown }: MasterKeyNeed): string {
  if (known.length === 0) return 'no node'
  return unknown.length === 0 ? 'all nodes' : `${known.join(', ')}; not to ${unknown.join(', ')}`
}

function needs({ signingKeys, auditKeys, answers, digests }: MasterKeyNeed): string {
  return [
    count(signingKeys, 'signing key'),
    count(auditKeys, 'audit key'),
    count(answers, 'kept answer'),
    count(digests, 'digest'),
  ].join(', ')
}

function verdict({ mayBeTakenAway, digests }: MasterKeyNeed): string {
  if (mayBeTakenAway !== 'slowly') return mayBeTakenAway
  return `yes; ${count(digests, 'secret')} that nobody has used meanwhile will be checked by bcrypt once more, at the next use`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
