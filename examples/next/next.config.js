/** @type {import('next').NextConfig} */
export default {
  // Not bundled: the package is Node's own code, and the copies in each bundle would only take memory.
  serverExternalPackages: ['express-okta-session'],
  poweredByHeader: false,
  rewrites: async () => [
    { source: '/logout', destination: '/api/okta/logout' },
    { source: '/session/refresh', destination: '/api/okta/refresh' },
    { source: '/session', destination: '/api/okta/session' },
  ],
}
