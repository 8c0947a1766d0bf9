/** Next runs this once, when the server starts: a wrong option is named then, and not at the first request. */
export async function register() {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return
  const { okta } = await import('./okta.js')
  okta()
}
