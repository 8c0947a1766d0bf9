/** Serves the page: any static host does the same. */
import { fileURLToPath } from 'node:url'
import express from 'express'

const publicFiles = fileURLToPath(new URL('./public', import.meta.url))

/** @param {string} apiUrl The origin of the API. */
export function createPage(apiUrl) {
  const app = express()
  app.use((_req, res, next) => {
    // A policy without connect-src would block the calls to the API.
    res.set('Content-Security-Policy', `default-src 'self'; img-src data:; connect-src ${apiUrl}`)
    next()
  })
  // In place of the file, because the ports of the example may change.
  app.get('/config.js', (_req, res) => {
    res.type('js').send(`export const apiUrl = ${JSON.stringify(apiUrl)}\n`)
  })
  app.use(express.static(publicFiles))
  return app
}
