/**
 * Kysely on one connection whose transactions somebody else begins and ends. Statements can be prepared under a name that
 * is made from their text: each connection then parses and plans each text once.
 */
import { createHash } from 'node:crypto'
import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely'
import type { PoolClient } from 'pg'
import type { Schema } from './schema.ts'

export function kyselyOn<Tables>(client: PoolClient, { prepare = false } = {}): Kysely<Tables> {
  const named = (text: string, values: readonly unknown[]) =>
    client.query({ name: statementName(text), text, values: [...values] })
  // The type of pg's own method has an overload for cursors, which nobody here opens.
  const query: unknown = prepare ? named : client.query.bind(client)
  const borrowed = { query, release: () => {} } as PostgresPoolClient
  return new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: { connect: async () => borrowed, end: async () => {} } }),
  })
}

/** By text; there are as many as the stores have statements, since lists are passed as one array. */
const names = new Map<string, string>()

function statementName(text: string): string {
  const known = names.get(text)
  if (known !== undefined) return known
  const name = `regent_${createHash('sha256').update(text).digest('base64url').slice(0, 32)}`
  names.set(text, name)
  return name
}

const plain = new WeakMap<PoolClient, Kysely<Schema>>()
const preparing = new WeakMap<PoolClient, Kysely<Schema>>()

/** Of Regent's tables, made once for each connection. */
export function regentOn(client: PoolClient, prepare: boolean): Kysely<Schema> {
  const known = prepare ? preparing : plain
  const db = known.get(client) ?? kyselyOn<Schema>(client, { prepare }).withSchema('regent')
  known.set(client, db)
  return db
}
