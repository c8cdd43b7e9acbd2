/** Routes of a tenant's life, for operators: suspended, deleted, and back. */
import { z } from 'zod'
import { deleteTenant, restoreTenant, resumeTenant, suspendTenant } from '../../changes/tenant-changes.ts'
import { changeTenant } from '../change-tenant.ts'
import { route } from '../route.ts'
import { DRY_RUN, SECONDS } from '../shapes.ts'
import { TENANT } from '../shown/tenant.ts'

const moving = (
  name: 'system.tenant.suspend' | 'system.tenant.resume' | 'system.tenant.restore',
  summary: string,
  move: typeof suspendTenant,
) =>
  route({
    name,
    api: 'system',
    method: 'POST',
    path: `/tenants/{tenant}/${name.split('.')[2]}`,
    summary,
    query: z.strictObject(DRY_RUN),
    body: z.strictObject({}),
    answers: { 200: TENANT },
    run: (context) => changeTenant(context, (tenant) => (needs) => move(needs, tenant)),
  })

export const TENANT_LIFE_ROUTES = [
  moving(
    'system.tenant.suspend',
    'No client of it gets a token any more, and its people only read',
    suspendTenant,
  ),
  moving('system.tenant.resume', 'A suspended tenant goes on', resumeTenant),
  moving(
    'system.tenant.restore',
    'Undoes a deletion while its time lasts; the tenant is suspended then',
    restoreTenant,
  ),
  route({
    name: 'system.tenant.delete',
    api: 'system',
    method: 'DELETE',
    path: '/tenants/{tenant}',
    summary: 'Suspends a tenant, and ends it when the waiting time is over; its name stays taken',
    query: z.strictObject({
      wait: z.coerce.number().pipe(SECONDS).optional().meta({ description: 'seconds; by default 30 days' }),
      ...DRY_RUN,
    }),
    answers: { 200: TENANT },
    run: (context) =>
      changeTenant(context, (tenant) => (needs) => deleteTenant(needs, tenant, context.query.wait)),
  }),
]
