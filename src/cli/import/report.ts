/** What an import makes, changes in translation and leaves out, by client: as values, and as lines for people. No secret is in it, nor a hash. */
import { plainLine } from '../plain.ts'

/** What is wrong, and what to do about it. */
export type ImportFault = { readonly client?: string; readonly fault: string; readonly mend: string }

export type MadeClient = {
  readonly workspace: string
  readonly client: string
  /** In words: with which secret, or why with none. */
  readonly secret: string
  readonly hasSecret: boolean
  /** What is not as it was. */
  readonly changed: readonly string[]
}

export type ImportReport = {
  readonly made: readonly MadeClient[]
  readonly leftOut: readonly { readonly client: string; readonly why: string }[]
  readonly faults: readonly ImportFault[]
  /** What is true of all. */
  readonly notes: readonly string[]
}

export function reportLines({ made, leftOut, faults, notes }: ImportReport): readonly string[] {
  const width = [...made, ...leftOut].reduce((most, { client }) => Math.max(most, client.length), 0)
  const name = (client: string) => short(client).padEnd(Math.min(width, 40))
  const without = made.filter(({ hasSecret }) => !hasSecret).length
  return [
    ...made.flatMap(({ client, secret, changed }) => [
      `make   ${name(client)}  ${secret}`,
      ...changed.map((change) => `       ${name('')}  changed: ${change}`),
    ]),
    ...leftOut.map(({ client, why }) => `leave  ${name(client)}  ${why}`),
    ...faults.map(({ client, fault, mend }) => {
      const who = client === undefined ? '' : `${short(client)}: `
      return `fault  ${who}${fault}. ${mend}.`
    }),
    ...notes.map((note) => `note   ${note}`),
    `${made.length} clients to make, ${without} of them without a secret; ${leftOut.length} left out; ${faults.length} faults.`,
  ].map(plainLine)
}

function short(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
