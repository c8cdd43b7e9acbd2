/** What Regent exported itself: a tenant document already, so that little is to be done. Pure. */
import { DOCUMENT, type DocumentInput } from '../../admin/document/document.ts'
import type { Imported } from './draft.ts'
import type { MadeClient } from './report.ts'

type Options = { readonly tenant?: string | undefined; readonly region?: DocumentInput['region'] | undefined }

/** @param options another tenant or region that it comes to; else as it says itself */
export function importOwn(value: unknown, { tenant, region }: Options): Imported {
  const read = DOCUMENT.safeParse(value)
  if (!read.success) {
    const faults = read.error.issues.map(({ path, message }) => ({
      fault: `${path.join('.') || 'the document'}: ${message}`,
      mend: 'Export it again, or mend it',
    }))
    const document: DocumentInput = { regent: 1, tenant: tenant ?? 'none', workspaces: [] }
    return { document, report: { made: [], leftOut: [], faults, notes: [] }, toHash: [] }
  }
  const document = value as DocumentInput
  const made = read.data.workspaces.flatMap(({ slug, clients }) =>
    clients.map(({ id, credentials }): MadeClient => {
      const hashes = (credentials ?? []).filter(({ hash }) => hash !== undefined).length
      return {
        workspace: slug,
        client: id,
        hasSecret: hashes > 0,
        secret:
          hashes > 0
            ? `with ${hashes === 1 ? 'its secret' : `${hashes} secrets`}`
            : 'without a secret: export it with hashes',
        changed: [],
      }
    }),
  )
  return {
    document: {
      ...document,
      ...(tenant !== undefined && { tenant }),
      ...(region !== undefined && { region }),
    },
    report: { made, leftOut: [], faults: [], notes: [] },
    toHash: [],
  }
}
