/** The grants that Regent knows. A new one is a file beside this one and a line in this list. */
import { clientCredentials } from './client-credentials.ts'
import type { Grant } from './grant.ts'

export const grants: readonly Grant[] = [clientCredentials]
