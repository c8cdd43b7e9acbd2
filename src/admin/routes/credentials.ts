/** Routes of credentials: several a client, each with its label, its life span and its last use. A secret is shown once. */
import { z } from 'zod'
import {
  createSecret,
  revokeCredential,
  rotateSecret,
  updateCredential,
} from '../../changes/credential-changes.ts'
import { judgeUse } from '../../records/use-verdict.ts'
import { changeCredential } from '../change-credential.ts'
import { requireAdministratorLeft, requireWithinCaller } from '../rising.ts'
import { route } from '../route.ts'
import { clientOf, findClient } from '../shown/client.ts'
import {
  CREDENTIAL,
  credentialOf,
  credentialState,
  findCredential,
  liveCredentialState,
  MADE,
  NEW_SECRET,
  showCredential,
  showMade,
  showVerdict,
  VERDICT,
} from '../shown/credential.ts'
import { DRY_RUN, MOMENT, secondsOf } from '../shapes.ts'

/** Seconds: how far back a verdict looks by itself. */
const LOOKS_BACK = 7 * 24 * 60 * 60

export const CREDENTIAL_ROUTES = [
  route({
    name: 'credential.create',
    api: 'tenant',
    method: 'POST',
    path: '/workspaces/{workspace}/clients/{client}/credentials',
    summary: 'Makes a secret, and shows it once',
    query: z.strictObject(DRY_RUN),
    body: z.strictObject({ ...NEW_SECRET, not_before: MOMENT, chosen: z.string() }).partial(),
    answers: { 201: MADE },
    async run(context) {
      const workspace = await context.workspace()
      const clientId = clientOf(context)
      const { label, not_before: notBefore, expires_at: expiresAt, chosen, deliver } = context.body
      return context.change({
        make: (needs) =>
          createSecret(needs, workspace, clientId, {
            ...(label !== undefined && { label }),
            ...(notBefore !== undefined && { notBefore: secondsOf(notBefore) ?? 0 }),
            ...(expiresAt !== undefined && { expiresAt: secondsOf(expiresAt) ?? 0 }),
            ...(chosen !== undefined && { chosen }),
          }),
        state: (connection) => findClient(connection, workspace, clientId),
        guard: (connection) => requireWithinCaller(context.caller, connection, workspace, clientId),
        show: (connection, made) => showMade(connection, workspace, clientId, made, deliver),
      })
    },
  }),
  route({
    name: 'credential.show',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/clients/{client}/credentials/{credential}',
    summary:
      'A credential, and whether it may be revoked: it was used since a moment, it was not, or that is not known',
    query: z.strictObject({ since: MOMENT.optional().meta({ description: 'by default a week ago' }) }),
    answers: { 200: CREDENTIAL.extend({ use: VERDICT }) },
    async run(context) {
      const workspace = await context.workspace()
      const [clientId, id] = [clientOf(context), credentialOf(context)]
      const found = await context.read((connection) => findCredential(connection, workspace, clientId, id))
      const since = new Date(context.query.since ?? Date.now() - LOOKS_BACK * 1000)
      const verdict = await judgeUse(context.database, workspace, clientId, id, since)
      return {
        body: { ...showCredential(found), use: showVerdict(verdict, since, found.lastUsedFrom) },
        tag: credentialState(found),
      }
    },
  }),
  route({
    name: 'credential.update',
    api: 'tenant',
    method: 'PATCH',
    path: '/workspaces/{workspace}/clients/{client}/credentials/{credential}',
    summary: 'Changes its label, or when it ends; null: it has no end',
    query: z.strictObject(DRY_RUN),
    body: z.strictObject({ label: z.string(), expires_at: MOMENT.nullable() }).partial(),
    answers: { 200: CREDENTIAL },
    run: (context) =>
      changeCredential(context, (workspace, clientId, id) => (needs) => {
        const { label, expires_at: moment } = context.body
        return updateCredential(needs, workspace, clientId, id, {
          ...(label !== undefined && { label }),
          ...(moment !== undefined && { expiresAt: secondsOf(moment) ?? null }),
        })
      }),
  }),
  route({
    name: 'credential.rotate',
    api: 'tenant',
    method: 'POST',
    path: '/workspaces/{workspace}/clients/{client}/credentials/{credential}/rotate',
    summary: 'Makes a new secret, shows it once, and gives this one its end: both work until then',
    query: z.strictObject(DRY_RUN),
    body: z
      .strictObject({
        ...NEW_SECRET,
        overlap: z.int().nonnegative().meta({ description: 'seconds; by default a week' }),
      })
      .partial(),
    answers: { 201: MADE },
    async run(context) {
      const workspace = await context.workspace()
      const [clientId, id] = [clientOf(context), credentialOf(context)]
      const { label, expires_at: expiresAt, overlap, deliver } = context.body
      return context.change({
        make: (needs) =>
          rotateSecret(needs, workspace, clientId, id, {
            ...(label !== undefined && { label }),
            ...(expiresAt !== undefined && { expiresAt: secondsOf(expiresAt) ?? 0 }),
            ...(overlap !== undefined && { overlap }),
          }),
        state: (connection) => liveCredentialState(connection, workspace, clientId, id),
        guard: (connection) => requireWithinCaller(context.caller, connection, workspace, clientId),
        afterwards: (connection) => requireAdministratorLeft(connection, workspace),
        show: (connection, made) => showMade(connection, workspace, clientId, made, deliver),
      })
    },
  }),
  route({
    name: 'credential.revoke',
    api: 'tenant',
    method: 'DELETE',
    path: '/workspaces/{workspace}/clients/{client}/credentials/{credential}',
    summary: 'Ends it now: whoever uses it gets no token any more',
    query: z.strictObject(DRY_RUN),
    answers: { 204: undefined },
    run: (context) =>
      changeCredential(
        context,
        (workspace, clientId, id) => (needs) => revokeCredential(needs, workspace, clientId, id),
        true,
      ),
  }),
]
