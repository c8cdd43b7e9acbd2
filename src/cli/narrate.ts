/** Tells a person at a terminal what the server sees, a line for each thing that happens. */
import type { Observation } from '../observe/observation.ts'
import { report } from './print.ts'

export function narrate(observation: Observation): void {
  switch (observation.type) {
    case 'token_issued':
      report(
        `issued   ${observation.clientId} got a token for '${observation.scope}' from ${observation.issuer}`,
      )
      return
    case 'request_refused':
      report(
        `refused  ${observation.status} ${observation.code}, because of ${observation.reason} (request ${observation.requestId})`,
      )
      return
    case 'server_error': {
      const { error, requestId } = observation
      report(`fault    (request ${requestId}) ${error instanceof Error ? error.stack : String(error)}`)
      return
    }
    case 'warning':
      report(observation.message)
      return
    case 'database_lost':
      report(
        `The database of region ${observation.region} does not answer: known clients are served from memory.`,
      )
      return
    case 'database_found':
      report(`The database of region ${observation.region} answers again.`)
      return
    case 'issuance_tended':
      if (observation.strays > 0)
        report(`Region ${observation.region}: ${observation.strays} rows of the issuance log lie in no day.`)
      return
    case 'request_answered':
    case 'request_abandoned':
    case 'turn_taken':
    case 'issuance_committed':
    case 'replica_lost':
    case 'replica_found':
    case 'memory_emptied':
    case 'listening':
    case 'secrets_expiring':
    case 'change_made':
    case 'secret_expiring':
    case 'workspace_emptied':
    case 'values_resealed':
    case 'master_keys_compared':
    case 'keys_rotated':
    case 'audit_checkpoint':
    case 'audit_head_wrong':
    case 'clock_compared':
    case 'clock_jumped':
    case 'connections_counted':
    case 'certificate_replaced':
    case 'worker_ended':
    case 'server_started':
    case 'server_stopping':
    case 'server_stopped':
  }
}
