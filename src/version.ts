/** The version of this package. `npm version` writes it (scripts/write-version.js), so that no bundle has to find package.json. */
export const VERSION = '0.1.0'
