/** Each kind of credentials Okta takes for operations by id. In an app they come from the environment. */

/**
 * @typedef {object} Kind
 * @property {string} title
 * @property {'off' | 'required'} dpop Whether the org asks its service app for proofs.
 * @property {(org: import('express-okta-session/local-org').LocalOrg) => import('express-okta-session').Credentials} credentials
 */

/** @type {readonly Kind[]} */
export const kinds = [
  {
    title: 'An API token, which may do whatever the administrator may who made it',
    dpop: 'off',
    credentials: (org) => ({ apiToken: org.apiToken }),
  },
  {
    title: 'An access token from somewhere else, asked for whenever one is needed',
    dpop: 'off',
    credentials: (org) => ({ accessToken: async () => org.accessToken() }),
  },
  {
    title: 'A service app: a client id and a private key, and tokens for an hour',
    dpop: 'off',
    credentials: ({ serviceApp: { clientId, privateKey } }) => ({
      clientId,
      privateKey: { ...privateKey },
    }),
  },
  {
    title: 'A service app whose tokens are worth nothing without its key (DPoP)',
    dpop: 'required',
    credentials: ({ serviceApp: { clientId, privateKey } }) => ({
      clientId,
      privateKey: { ...privateKey },
      dpop: true,
    }),
  },
  {
    title: 'A service app that may only look',
    dpop: 'off',
    credentials: ({ serviceApp: { clientId, privateKey } }) => ({
      clientId,
      privateKey: { ...privateKey },
      scopes: ['okta.sessions.read'],
    }),
  },
]
