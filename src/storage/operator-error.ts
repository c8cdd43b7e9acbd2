/**
 * A fault that whoever runs the command can mend. Its message is one or two sentences, cause and remedy;
 * it is printed without a stack, and the command ends with exit code 1.
 */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'
}
