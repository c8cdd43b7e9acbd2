/** Writes the JSON Schema of a tenant's file where it is published: docs/schema/tenant.schema.json. */
import { writeFileSync } from 'node:fs'
import { format } from 'prettier'
import { documentSchema } from '../src/admin/document/document.ts'

const path = new URL('../docs/schema/tenant.schema.json', import.meta.url)
writeFileSync(path, await format(JSON.stringify(documentSchema()), { parser: 'json', printWidth: 110 }))
