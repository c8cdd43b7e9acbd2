/** What a request comes to, in one line: see `readRefusal`. */
export const METADATA = '/.well-known/oauth-authorization-server'
export const UNKNOWN = '404 invalid_request unknown_address'
export const HOST_SYNTAX = '400 invalid_request host_syntax'
export const HOST_COUNT = '400 invalid_request host_count'
export const TARGET_SYNTAX = '400 invalid_request target_syntax'
export const MALFORMED = '400 invalid_request malformed_message'
export const GRANTED = '200 https://acme.eu.token.example/acme/orders'
export const METHOD = '405 invalid_request method_not_allowed'
