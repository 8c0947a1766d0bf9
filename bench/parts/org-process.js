/** Runs the tiny org in a process of its own, so that its CPU time is not measured. */
import { tinyOrg } from './tiny-org.js'

const org = await tinyOrg()
process.send?.(org.url)
process.once('disconnect', () => process.exit())
