/** Commands of secrets: several a client. A secret is shown once, and is never typed as an argument, where others would see it. */
import type { ApiCommand, Argument, Field } from './api-command.ts'

const CLIENT: Argument = { name: 'client', into: 'path', says: 'its client_id' }
const SECRET: Argument = {
  name: 'credential',
  into: 'path',
  shown: 'secret',
  says: 'the id of the secret, from secret list',
}
const ALL = '/workspaces/{workspace}/clients/{client}/credentials'
const ONE = `${ALL}/{credential}`
const NEW: readonly Field[] = [
  { name: 'label', says: 'what people call it' },
  { name: 'expires_at', kind: 'moment', option: 'expires', says: 'when it ends' },
  {
    name: 'deliver',
    kind: 'jwk',
    option: 'deliver-to',
    says: 'a file with a public JWK: the secret is shown encrypted to it',
  },
]

export const SECRET_COMMANDS: readonly ApiCommand[] = [
  {
    name: 'secret create',
    route: 'credential.create',
    api: 'tenant',
    method: 'POST',
    path: ALL,
    says: 'make a secret, and show it once',
    arguments: [CLIENT],
    body: [
      ...NEW,
      { name: 'not_before', kind: 'moment', says: 'from when on it works' },
      {
        name: 'chosen',
        kind: 'file',
        option: 'chosen-file',
        says: 'a file with the secret, in place of a generated one',
      },
    ],
    showsSecret: true,
    examples: ['secret create robot --workspace shop --label ci --expires 90d'],
  },
  {
    name: 'secret list',
    route: 'credential.list',
    api: 'tenant',
    method: 'GET',
    path: ALL,
    says: 'secrets of a client; without one, of all clients of a workspace',
    arguments: [{ ...CLIENT, optional: true }],
    otherwise: { route: 'credential.list_all', api: 'tenant', path: '/workspaces/{workspace}/credentials' },
    query: [
      { name: 'state', kind: ['live', 'revoked'], says: 'only these' },
      { name: 'expires_before', kind: 'moment', says: 'only those that end before' },
      { name: 'unused_since', kind: 'moment', says: 'made before, and not known to have been used since' },
      {
        name: 'sort',
        kind: ['id', 'expires_at'],
        says: 'expires_at: the first to end first, without those that have no end',
      },
    ],
    list: { columns: ['id', 'client_id', 'label', 'state', 'expires_at', 'last_used_at', 'use_count'] },
    examples: [
      'secret list --workspace shop --expires-before 14d',
      'secret list robot --workspace shop --state live',
    ],
  },
  {
    name: 'secret show',
    route: 'credential.show',
    api: 'tenant',
    method: 'GET',
    path: ONE,
    says: 'a secret (not its text), and whether it may be revoked: used, unused, or not known',
    arguments: [CLIENT, SECRET],
    query: [{ name: 'since', kind: 'moment', says: 'used since when; default: a week ago' }],
    examples: ['secret show robot 0123456789abcdef --workspace shop'],
  },
  {
    name: 'secret update',
    route: 'credential.update',
    api: 'tenant',
    method: 'PATCH',
    path: ONE,
    says: 'change its label, or when it ends',
    arguments: [CLIENT, SECRET],
    body: [
      { name: 'label', says: 'what people call it' },
      { name: 'expires_at', kind: 'moment', nullable: true, option: 'expires', says: 'when it ends' },
    ],
    examples: ['secret update robot 0123456789abcdef --workspace shop --expires none'],
  },
  {
    name: 'secret rotate',
    route: 'credential.rotate',
    api: 'tenant',
    method: 'POST',
    path: `${ONE}/rotate`,
    says: 'make another secret, shown once, and give this one its end: both work until then',
    arguments: [CLIENT, SECRET],
    body: [
      ...NEW,
      { name: 'overlap', kind: 'number', says: 'seconds that the old one goes on; default: a week' },
    ],
    showsSecret: true,
    examples: ['secret rotate robot 0123456789abcdef --workspace shop --overlap 86400'],
  },
  {
    name: 'secret revoke',
    route: 'credential.revoke',
    api: 'tenant',
    method: 'DELETE',
    path: ONE,
    says: 'end it now: whoever uses it gets no token any more',
    arguments: [CLIENT, SECRET],
    asks: ({ client, credential }) =>
      `Revoke ${credential} of ${client}? Whoever uses it gets no token any more.`,
    examples: ['secret revoke robot 0123456789abcdef --workspace shop'],
  },
]
