/** Every route of administration. A new one is a value in a file beside this one, and a line in permissions.ts. */
import type { AdminRoute } from '../route.ts'
import { AUDIT_ROUTES } from './audit.ts'
import { CLIENT_ROUTES } from './clients.ts'
import { CREDENTIAL_LIST_ROUTES } from './credential-lists.ts'
import { CREDENTIAL_ROUTES } from './credentials.ts'
import { DOCUMENT_ROUTES } from './documents.ts'
import { GRANT_ROUTES } from './grants.ts'
import { KEY_ROUTES } from './keys.ts'
import { RESOURCE_SERVER_ROUTES } from './resource-servers.ts'
import { SYSTEM_ROUTES } from './system.ts'
import { TENANT_LIFE_ROUTES } from './tenant-life.ts'
import { WORKSPACE_ROUTES } from './workspaces.ts'

export const ROUTES: readonly AdminRoute[] = [
  ...WORKSPACE_ROUTES,
  ...RESOURCE_SERVER_ROUTES,
  ...CLIENT_ROUTES,
  ...GRANT_ROUTES,
  ...CREDENTIAL_LIST_ROUTES,
  ...CREDENTIAL_ROUTES,
  ...KEY_ROUTES,
  ...DOCUMENT_ROUTES,
  ...AUDIT_ROUTES,
  ...SYSTEM_ROUTES,
  ...TENANT_LIFE_ROUTES,
]
