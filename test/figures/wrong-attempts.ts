/** What a flood of wrong secrets consists of. */
import { generateSecret } from '../../src/clients/secret.ts'
import { newCredentialId } from '../../src/ids.ts'
import { noteSecret } from '../support/noted-secrets.ts'
import type { PlantedClient, PlantedWorkspace } from './planting.ts'

export type Flooded = { readonly at: PlantedWorkspace; readonly clients: readonly PlantedClient[] }

export const ATTACKERS = Array.from({ length: 8 }, (_, index) => `127.0.0.${index + 2}`)
const WRONG_SECRETS = 100

/** @returns the attempt of that number: of every two in a row, one of each form, and of every four, two at ids that are there */
export function wrongAttempts(flooded: readonly Flooded[]) {
  const imported = Array.from({ length: WRONG_SECRETS }, (_, index) => `imported by nobody ${index}`)
  const generated = Array.from({ length: WRONG_SECRETS }, () => generateSecret(newCredentialId()))
  const targets = flooded.flatMap(({ at, clients }) =>
    clients.map(({ id, credentialId }) => ({ at, id, generated: generateSecret(credentialId) })),
  )
  for (const secret of [...imported, ...generated, ...targets.map((target) => target.generated)])
    noteSecret('wrong secret', secret)
  const from = <Item>(list: readonly Item[], index: number) => list[index % list.length] as Item

  return (index: number) => {
    const turn = Math.floor(index / 4)
    const peer = from(ATTACKERS, turn)
    const target = from(targets, turn)
    const isGenerated = index % 2 === 0
    if (index % 4 >= 2) {
      const secret = isGenerated ? from(generated, turn) : from(imported, turn)
      return { peer, at: target.at, id: `nobody-${index}`, secret }
    }
    return {
      peer,
      at: target.at,
      id: target.id,
      secret: isGenerated ? target.generated : from(imported, turn),
    }
  }
}
