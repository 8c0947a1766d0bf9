/** The app that the bundlers bundle: prints what one guarded request answers, and ends. */
import express from 'express'
import { oktaSession } from 'express-okta-session'

const okta = oktaSession({ logger: false })
const app = express()
app.get('/', okta.requireSession(), (req, res) => {
  res.json({ login: okta.session(req).login })
})

const server = app.listen(0, '127.0.0.1', answerOnce)

async function answerOnce() {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const cookie = process.env.COOKIE ?? ''
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { cookie } })
  console.log(answer.status, await answer.text())
  server.close()
  server.closeAllConnections()
  await okta.close()
}
