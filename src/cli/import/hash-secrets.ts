/** The one step of an import that is not pure: plain text secrets become bcrypt hashes, and are forgotten. */
import { hash } from 'bcrypt'
import type { DocumentInput } from '../../admin/document/document.ts'
import type { Imported } from './draft.ts'

/** Costs a twentieth of a second each at cost 10; a few run at once, on Node's thread pool. */
export async function hashSecrets({ document, toHash }: Imported, cost: number): Promise<DocumentInput> {
  type Credentials = { hash: string; label?: string; expires_at?: string }[]
  const made = new Map<string, Credentials>()
  const waiting = [...toHash]
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { workspace, client, secret, credential } = next
      made.set(`${workspace} ${client}`, [{ hash: await hash(secret, cost), ...credential }])
    }
  }
  await Promise.all([work(), work(), work(), work()])
  return {
    ...document,
    workspaces: document.workspaces?.map((workspace) => ({
      ...workspace,
      clients: workspace.clients?.map((client) => {
        const credentials = made.get(`${workspace.slug} ${client.id}`)
        return credentials === undefined ? client : { ...client, credentials }
      }),
    })),
  }
}
