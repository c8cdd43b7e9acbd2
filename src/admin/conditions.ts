/** Reads the conditions under which a change is asked for: If-Match, Idempotency-Key, dry_run. */
import type { Question } from '../exchange.ts'
import type { TenantId } from '../ids.ts'
import type { AdminAddress } from '../tenancy/address.ts'
import type { Conditions } from './make-change.ts'
import { Problem } from './problem.ts'
import type { AdminRoute } from './route.ts'

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/

export function readConditions(
  { headers, method, query, body, address }: Question<AdminAddress>,
  route: AdminRoute,
  read: object,
  tenantId: TenantId,
  clientId: string,
): Conditions {
  const [key, ...others] = headers('idempotency-key')
  if (key !== undefined && (others.length > 0 || !IDEMPOTENCY_KEY.test(key)))
    throw new Problem(
      400,
      'idempotency_key_syntax',
      'Idempotency-Key must be sent once: 1 to 255 printable ASCII characters',
    )
  const ifMatch = headers('if-match')
  return {
    ifMatch:
      ifMatch.length === 0
        ? undefined
        : ifMatch.flatMap((value) => value.split(',')).map((one) => one.trim()),
    dryRun: 'dry_run' in read && read.dry_run === 'true',
    repeatable:
      key === undefined || method !== 'POST'
        ? undefined
        : {
            name: { tenantId, actor: clientId, method, route: route.name, key },
            request: [address.path, query ?? '', body.toString('base64')],
          },
  }
}
