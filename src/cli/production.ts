/** What commands share that make keys: how stale memory may be. */

/** Seconds that a node may serve from memory without having read changes; the lead of keys reckons with it. */
export const MAX_STALE = 3600
