/** A change that is refused: which field, why, and what would be right. Nothing was written. */
export class ChangeRefusal extends Error {
  override readonly name = 'ChangeRefusal'
  readonly field: string
  readonly reason: string

  /** @param reason in snake_case: stable, searchable */
  constructor(field: string, reason: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.field = field
    this.reason = reason
  }
}

export function unknownClient(): ChangeRefusal {
  return new ChangeRefusal('id', 'unknown_client', 'id names no client of this workspace')
}
