/** What is explained: a title, and what is to be said of it. */
export type Explanation = { readonly title: string; readonly lines: readonly string[] }
