/**
 * A workspace's JSON Web Key Set, RFC 7517 §5: public parameters of the keys that will sign, do sign, and have signed
 * what may still be valid. How long it may be cached is what keys/life-cycle.ts reckons with.
 */
import { DOCUMENT_METHODS, documentReply } from './document.ts'
import type { WorkspaceEndpoint } from './workspace-endpoint.ts'

export const jwksEndpoint: WorkspaceEndpoint = {
  path: '/.well-known/jwks.json',
  methods: DOCUMENT_METHODS,
  frequent: true,
  answer: async (question, workspace) =>
    documentReply(question, workspace, () => ({ keys: workspace.publicKeys })),
}
