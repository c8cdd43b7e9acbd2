/** What kind of file somebody gave, told by its shape: for refusing a wrong one with what it looks like. */
import { OperatorError } from '../../storage/operator-error.ts'

export type Kind = 'hydra' | 'keycloak' | 'promote-config' | 'regent'

const NAMES: Readonly<Record<Kind, string>> = {
  hydra: 'clients of Ory Hydra',
  keycloak: 'a realm of Keycloak',
  'promote-config': 'a configuration that was exported with promote/config',
  regent: 'a tenant document of Regent',
}

/** An object that came from a file; nothing of it is known. */
export type Unknowns = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Unknowns {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function kindOf(value: unknown): Kind | undefined {
  if (Array.isArray(value)) {
    const [first] = value as readonly unknown[]
    return isObject(first) && isHydraClient(first) ? 'hydra' : undefined
  }
  if (!isObject(value)) return undefined
  if ('regent' in value && 'tenant' in value) return 'regent'
  if (typeof value.realm === 'string' && ('clients' in value || 'users' in value || 'enabled' in value))
    return 'keycloak'
  if (isObject(value.servers) || (isObject(value.clients) && !('realm' in value))) return 'promote-config'
  if (isHydraClient(value) || (Array.isArray(value.items) && kindOf(value.items) === 'hydra')) return 'hydra'
  return undefined
}

function isHydraClient(value: Unknowns): boolean {
  const ofApi = typeof value.client_id === 'string' && ('grant_types' in value || 'scope' in value)
  return ofApi || (typeof value.id === 'string' && 'client_secret' in value && 'grant_types' in value)
}

/** @throws OperatorError with what the file looks like instead */
export function requireKind(kind: Kind, value: unknown, file: string): void {
  const found = kindOf(value)
  if (found === kind) return
  const looks =
    found === undefined
      ? 'It looks like none of what can be imported.'
      : `It looks like ${NAMES[found]}: regent import ${found}.`
  throw new OperatorError(`${file}: ${NAMES[kind]} cannot be read from it. ${looks}`)
}
