/**
 * What all copies of this package in one process share: an app may load it as an ES module and as a CommonJS
 * module, and each of the two builds has its own classes and variables.
 */

/** Changes with the meaning of what is shared, so that copies of unlike versions share nothing. */
const CONTRACT = 1

const holder: { [key: symbol]: unknown } = globalThis

/** The value that the first copy has made under this name. */
export function sharedByCopies<T>(name: string, make: () => T): T {
  const key = Symbol.for(`express-okta-session.${name}.${CONTRACT}`)
  holder[key] ??= make()
  // Only this function writes under the key, and each name has one type.
  return holder[key] as T
}

/** The key of a property that marks the objects of a class, whichever copy has made them. */
export function brandOf(name: string): symbol {
  return Symbol.for(`express-okta-session.${name}`)
}

/** Marks all objects of a class. On the prototype the mark is no property that inspect or JSON would show. */
export function markAs(brand: symbol, marked: abstract new (...args: never[]) => object): void {
  Object.defineProperty(marked.prototype, brand, { value: true })
}

/** What `instanceof` answers: for the class itself by its brand, for a subclass of the app's as usual. */
export function isInstance(
  asked: unknown,
  own: abstract new (...args: never[]) => object,
  brand: symbol,
  value: unknown,
): boolean {
  if (asked !== own) return Function.prototype[Symbol.hasInstance].call(asked, value)
  return typeof value === 'object' && value !== null && brand in value
}
