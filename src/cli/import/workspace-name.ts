/** Names of workspaces (`tenancy/slug.ts`), made of what somebody else called a thing. */
import { ADMIN_WORKSPACE } from '../../tenancy/administration.ts'
import { isWorkspaceSlug } from '../../tenancy/slug.ts'

export function slugOf(name: string): string {
  const slug = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 50)
    .replaceAll(/^-+|-+$/g, '')
  const isFree = isWorkspaceSlug(slug) && slug !== ADMIN_WORKSPACE
  return isFree ? slug : `moved-${slug}`.replace(/-$/, '')
}
