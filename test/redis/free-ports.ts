/** Finds ports of 127.0.0.1 for programs that cannot listen on port 0 and report the port. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** Returns distinct ports on which nothing listened a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  await Promise.all(
    servers.map((server) => once(server.listen({ port: 0, host: '127.0.0.1' }), 'listening')),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
