/**
 * The fast lane: the endpoints that are asked most are answered straight from Node's `request` event, before Express is
 * entered, which would cost several times what the rest of a token request does. What protects a request stands before it
 * (front-door.ts) and behind it (answer-request.ts), and is the same for both doors.
 */
import type { WorkspaceEndpoint } from '../endpoints/workspace-endpoint.ts'
import type { AnswerRequest } from './answer-request.ts'

/** @returns who answers, by path; a path that is not there is for Express */
export function fastLane(
  endpoints: readonly WorkspaceEndpoint[],
  answer: (endpoint: WorkspaceEndpoint) => AnswerRequest,
): ReadonlyMap<string, AnswerRequest> {
  return new Map(
    endpoints.filter(({ frequent }) => frequent).map((endpoint) => [endpoint.path, answer(endpoint)]),
  )
}
