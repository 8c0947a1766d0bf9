/** Endpoints for an orchestrator and for a dashboard. */
import express from 'express'

/** @param {import('express-okta-session').OktaSession} okta */
export function createApp(okta) {
  const app = express()
  // An outage of Okta is no reason to restart this process: its cached sessions would be lost.
  app.get('/health', (_req, res) => {
    const { heldOff } = okta.stats()
    res.json({ alive: true, okta: heldOff?.who === 'everybody' ? 'unavailable' : 'in use' })
  })
  // For your own network alone: the figures tell how many users there are.
  app.get('/metrics.json', (_req, res) => {
    res.json(okta.stats())
  })
  return app
}
