import express from 'express'
import { oktaSession } from 'express-okta-session'

const okta = oktaSession() // the org: OKTA_CLIENT_ORGURL=https://id.example.com
const app = express()

app.use(okta.attachSession())
app.get('/', (req, res) => res.json({ signedInAs: req.okta?.session?.login }))
app.get('/account', okta.requireSession(), (req, res) => {
  const { login, expiresAt } = okta.session(req)
  res.json({ login, expiresAt })
})
app.post('/session/refresh', okta.refresh())
app.post('/sign-out', okta.logout())

app.listen(process.env.PORT ?? 3000)
