/** The part of js-yaml that the tests use; the package has no types. */
declare module 'js-yaml' {
  /** Parses one document, with anchors and merge keys. */
  export function load(text: string): unknown
}
