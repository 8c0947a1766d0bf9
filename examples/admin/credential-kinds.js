/** The kinds of credentials for operations by id. An app reads them from the environment. */

/**
 * @typedef {object} Kind
 * @property {string} title
 * @property {'off' | 'required'} dpop Whether the org requires DPoP proofs of its service app.
 * @property {(org: import('express-okta-session/local-org').LocalOrg) => import('express-okta-session').Credentials} credentials
 */

/** @type {readonly Kind[]} */
export const credentialKinds = [
  {
    title: 'An API token, which has the permissions of the administrator that created it',
    dpop: 'off',
    credentials: (org) => ({ apiToken: org.apiToken }),
  },
  {
    title: 'An access token that a function of the app provides for each call',
    dpop: 'off',
    credentials: (org) => ({ accessToken: async () => org.accessToken() }),
  },
  {
    title: 'A service app: a client id and a private key; its access tokens last an hour',
    dpop: 'off',
    credentials: ({ serviceApp: { clientId, privateKey } }) => ({
      clientId,
      privateKey: { ...privateKey },
    }),
  },
  {
    title: 'A service app whose access tokens are bound to its key (DPoP)',
    dpop: 'required',
    credentials: ({ serviceApp: { clientId, privateKey } }) => ({
      clientId,
      privateKey: { ...privateKey },
      dpop: true,
    }),
  },
  {
    title: 'A service app with the read scope alone',
    dpop: 'off',
    credentials: ({ serviceApp: { clientId, privateKey } }) => ({
      clientId,
      privateKey: { ...privateKey },
      scopes: ['okta.sessions.read'],
    }),
  },
]
