/** The one place that says which field of what reaches the log: a field that is not named here does not. */
import type { Logger } from 'pino'
import type { Observation } from './observation.ts'

export function writeLine(logger: Logger, observation: Observation): void {
  const { type: event } = observation
  switch (observation.type) {
    case 'token_issued': {
      const { requestId, issuer, clientId, credentialId, grantType, scope, tokenId } = observation
      logger.debug({ event, requestId, issuer, clientId, credentialId, grantType, scope, tokenId })
      return
    }
    case 'request_refused': {
      const { requestId, peer, status, code, reason, issuer, actor } = observation
      const line = { event, requestId, peer, status, code, reason, issuer, actor }
      logger[status >= 500 ? 'error' : 'info'](line)
      return
    }
    case 'server_error': {
      const { requestId, error } = observation
      logger.error({ event, requestId, error: describe(error) })
      return
    }
    case 'request_answered':
    case 'request_abandoned':
    case 'turn_taken':
    case 'issuance_committed':
      return // Numbers, for the metrics.
    case 'server_started': {
      const { url, opsUrl, regions } = observation
      logger.info({ event, url, opsUrl, regions })
      return
    }
    case 'worker_ended': {
      const { pid, code, signal } = observation
      logger.error({ event, pid, code, signal })
      return
    }
    case 'certificate_replaced':
      logger.info({ event, endsAt: observation.endsAt })
      return
    case 'server_stopping':
    case 'server_stopped':
      logger.info({ event })
      return
    case 'memory_emptied': {
      const { region, feedNumber } = observation
      logger.warn({ event, region, feedNumber })
      return
    }
    case 'database_lost':
      logger.error({ event, region: observation.region, error: describe(observation.error) })
      return
    case 'replica_lost':
      logger.warn({ event, region: observation.region, error: describe(observation.error) })
      return
    case 'database_found':
    case 'replica_found':
      logger.warn({ event, region: observation.region })
      return
    case 'listening': {
      const { region, listening } = observation
      logger[listening ? 'info' : 'warn']({ event, region, listening })
      return
    }
    case 'clock_compared': {
      const { region, state, skewMillis } = observation
      logger[state === 'wrong' ? 'error' : 'warn']({ event, region, state, skewMillis })
      return
    }
    case 'clock_jumped': {
      const { region, jumpMillis } = observation
      logger.error({ event, region, jumpMillis })
      return
    }
    case 'connections_counted': {
      const { region, connections, limit, nodes, tooMany } = observation
      logger[tooMany ? 'warn' : 'debug']({ event, region, connections, limit, nodes })
      return
    }
    case 'issuance_tended': {
      const { region, strays, detached, dropped } = observation
      logger[strays > 0 ? 'warn' : 'debug']({ event, region, strays, detached, dropped })
      return
    }
    case 'secrets_expiring': {
      const { region, day, week, month } = observation
      logger[day > 0 ? 'warn' : 'debug']({ event, region, day, week, month })
      return
    }
    case 'change_made': {
      const { requestId, actor, region, tenant, workspaceId } = observation
      const { action, subject, credentialId, kid, scopes } = observation
      const what = { action, subject, credentialId, kid, scopes }
      logger.info({ event, requestId, actor, region, tenant, workspaceId, ...what })
      return
    }
    case 'secret_expiring': {
      const { region, tenant, workspace, clientId, credentialId, days, expiresAt } = observation
      logger.warn({ event, region, tenant, workspace, clientId, credentialId, days, expiresAt })
      return
    }
    case 'workspace_emptied': {
      const { issuer, rows } = observation
      logger.info({ event, issuer, rows })
      return
    }
    case 'keys_rotated': {
      const { issuer, steps } = observation
      logger.info({ event, issuer, steps })
      return
    }
    case 'values_resealed': {
      const { region, masterKeyId, signingKeys, auditKeys, answers, failed } = observation
      const line = { event, region, masterKeyId, signingKeys, auditKeys, answers, failed }
      logger[failed > 0 ? 'warn' : 'info'](line)
      return
    }
    case 'master_keys_compared': {
      const { region, missing } = observation
      logger[missing.length > 0 ? 'error' : 'debug']({ event, region, missing })
      return
    }
    case 'audit_checkpoint': {
      const { region, tenant, sequence, mac, at, signature } = observation.checkpoint
      logger.info({ event, checkpoint: { region, tenant, sequence, mac, at, signature } })
      return
    }
    case 'audit_head_wrong': {
      const { region, tenant } = observation
      logger.error({ event, region, tenant })
      return
    }
    case 'warning':
      logger.warn({ event, message: observation.message })
  }
}

/** Of an error: its name, code, message and stack, and those of its causes. Never what it was thrown with. */
function describe(error: unknown): object {
  if (typeof error !== 'object' || error === null) return { message: String(error) }
  const { name, code, message, stack, cause } = error as Error & { code?: unknown }
  return {
    name,
    ...(typeof code === 'string' && { code }),
    message,
    stack,
    ...(cause !== undefined && { cause: describe(cause) }),
  }
}
