/** From files to what would be imported, for each product: reads, refuses what is another kind of file, and asks no server. */
import type { z } from 'zod'
import { OperatorError } from '../../storage/operator-error.ts'
import type { ImportOptions, Imported } from './draft.ts'
import { importHydra } from './hydra.ts'
import { hasMore, readHydraRows } from './hydra-rows.ts'
import { holdsSecrets as realmHoldsSecrets, importKeycloak, REALM } from './keycloak.ts'
import { requireKind, type Kind } from './kinds.ts'
import { importOwn } from './own-export.ts'
import { CONFIG, holdsSecrets as configHoldsSecrets, importPromoteConfig } from './promote-config.ts'
import { parseExport, requirePrivate, type ExportFile } from './read-file.ts'

type Options = Omit<ImportOptions, 'tenant'> & { readonly tenant?: string | undefined }

/** @throws OperatorError for files that cannot be read as this kind; what is wrong inside them is in the report */
export const CONVERT: Readonly<Record<Kind, (files: readonly ExportFile[], options: Options) => Imported>> = {
  hydra(files, options) {
    const rows = files.flatMap((file) => {
      const own = readHydraRows(file)
      if (own.some(({ ofTable, row }) => !ofTable && Boolean(row.client_secret))) requirePrivate(file)
      return own
    })
    const imported = importHydra(rows, requireTenant(options))
    const last = files.at(-1)
    if (last === undefined || !hasMore(last)) return imported
    const note = `${last.file} is not the last page: ask for the next with --page-token, and give all files at once.`
    return { ...imported, report: { ...imported.report, notes: [note, ...imported.report.notes] } }
  },

  keycloak(files, options) {
    const realms = files.map((file) => {
      const realm = read(REALM, 'keycloak', file)
      if (realmHoldsSecrets(realm)) requirePrivate(file)
      return realm
    })
    return importKeycloak(realms, requireTenant(options))
  },

  'promote-config'(files, options) {
    const file = requireOne(files, 'an export is of one tenant, or of one workspace of it')
    const config = read(CONFIG, 'promote-config', file)
    if (configHoldsSecrets(config)) requirePrivate(file)
    return importPromoteConfig(config, requireTenant(options))
  },

  regent(files, { tenant, region }) {
    const file = requireOne(files, 'a document is of one tenant')
    const value = parseExport(file)
    requireKind('regent', value, file.file)
    return importOwn(value, { tenant, region: tenant === undefined ? undefined : region })
  },
}

function read<Value>(shape: z.ZodType<Value>, kind: Kind, file: ExportFile): Value {
  const value = parseExport(file)
  requireKind(kind, value, file.file)
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const faults = result.error.issues
    .slice(0, 10)
    .map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`)
  throw new OperatorError(`${file.file}: it is damaged. ${faults.join('; ')}.`)
}

function requireTenant({ tenant, ...options }: Options): ImportOptions {
  if (tenant === undefined) throw new OperatorError('Say --tenant NAME: who the clients are for.')
  return { ...options, tenant }
}

function requireOne(files: readonly ExportFile[], because: string): ExportFile {
  const [file, another] = files
  if (file === undefined || another !== undefined) throw new OperatorError(`Give one file: ${because}.`)
  return file
}
