/** Which release this is, as nodes tell each other. Held against package.json by a test. */
export const VERSION = '0.1.0'
