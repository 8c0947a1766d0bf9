/** The container files agree with each other, with the code and with the published nginx file. Docker is not needed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../docs/compile.js'
import { recipeFile } from '../proxies/programs.js'
import { inStartOrder, readContainerFile, readServices } from './compose.js'
import {
  copyOf,
  createIsIgnored,
  execForm,
  faultsOfDockerfile,
  healthCheckOf,
  instructionsOf,
  isPinned,
  stagesOf,
} from './dockerfile.js'

const read = (name: string) => readFileSync(join(root, name), 'utf8')
const dockerfile = readContainerFile('Dockerfile')
const nginx = readContainerFile('nginx.conf')
const instructions = instructionsOf(dockerfile)
const image = stagesOf(instructions).at(-1)
const isIgnored = createIsIgnored(read('.dockerignore'))
const services = readServices()
const apps = Object.entries(services).filter(([name]) => name.startsWith('app-'))

/** The value of a variable of the image. */
const imageEnv = (name: string) => new RegExp(`\\b${name}=(\\S+)`).exec(dockerfile)?.[1]

/** The values of an option of the local org's command. */
function orgOption(name: string): string {
  const command = services['local-org']?.command ?? []
  return command[command.indexOf(`--${name}`) + 1] ?? ''
}

const ports = {
  published: services.nginx?.ports?.[0]?.split(':')[1],
  nginx: /listen (\d+);/.exec(nginx)?.[1],
  org: orgOption('port'),
  app: imageEnv('PORT'),
}

describe('the Dockerfile', () => {
  it('the Dockerfile has no fault that the lint knows', () => {
    expect(faultsOfDockerfile(dockerfile)).toEqual([])
  })

  it('copies what the repository has and the ignore file permits', () => {
    const sources = instructions
      .filter(({ name, flags }) => name === 'COPY' && flags.from === undefined)
      .flatMap((each) => copyOf(each).sources)
    expect(sources.length).toBeGreaterThan(5)
    for (const source of sources) {
      expect(existsSync(join(root, source)), source).toBe(true)
      expect(isIgnored(source), source).toBe(false)
    }
  })

  it('has commands whose programs are in the image', () => {
    const cmd = execForm(image?.instructions.find(({ name }) => name === 'CMD')?.text ?? '')
    for (const command of [cmd, image && healthCheckOf(image)]) {
      expect(command?.[0]).toBe('node')
      expect(isIgnored(command?.[1] ?? '')).toBe(false)
      expect(existsSync(join(root, command?.[1] ?? ''))).toBe(true)
    }
    expect(instructions.find(({ name }) => name === 'EXPOSE')?.text).toBe(ports.app)
  })

  it('keeps the packages that the example imports', () => {
    const files = ['examples/app', 'examples/containers'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.js') && !name.startsWith('public'))
        .map((name) => read(`${folder}/${name}`)),
    )
    const imported = new Set(
      files.flatMap((code) =>
        [...code.matchAll(/^import .*from '([a-z][\w-]*)/gm)].map(([, name]) => name),
      ),
    )
    for (const own of ['node', 'express-okta-session']) imported.delete(own)
    const [, list = ''] =
      /PACKAGES = \[(.*?)\]/.exec(read('examples/containers/app-dependencies.js')) ?? []
    expect([...list.matchAll(/'([\w-]+)'/g)].map(([, name]) => name)).toEqual(
      [...imported].toSorted(),
    )
  })

  it.each([
    ['a tag without a version', 'node:22.21.1-bookworm-slim', 'node:22-slim', 'not pinned'],
    ['latest', 'node:22.21.1-bookworm-slim', 'node:latest', 'not pinned'],
    ['no tag', 'node:22.21.1-bookworm-slim', 'node', 'not pinned'],
    ['root', 'USER node', 'USER root', 'root'],
    ['no user', 'USER node', '', 'root'],
    [
      'a shell as process 1',
      '\nCMD ["node", "examples/containers/server.js"]',
      '\nCMD node server.js',
      'shell',
    ],
    ['npm as process 1', '\nCMD ["node", ', '\nCMD ["npm", ', 'npm or a shell'],
    ['no health check', 'HEALTHCHECK', 'LABEL', 'HEALTHCHECK'],
    [
      'sources before npm ci',
      'COPY package.json package-lock.json ./',
      'COPY . ./',
      'before npm ci',
    ],
    ['the whole context', 'COPY src ./src', 'COPY . .', 'COPY .'],
    ['npm install', 'npm ci', 'npm install', 'npm install'],
    ['a secret', 'PORT=3000', 'SESSION_SECRET=abc', 'secret'],
    ['an unknown stage', '--from=build', '--from=other', 'no stage'],
    ['a command in the image', 'USER node', 'RUN npm prune\nUSER node', 'runs commands'],
  ])('is rejected with %s', (_, from, to, fault) => {
    expect(dockerfile).toContain(from)
    expect(faultsOfDockerfile(dockerfile.replace(from, to)).join('\n')).toContain(fault)
  })
})

describe('the ignore file', () => {
  it.each([
    ...['.env', '.git', '.git/config', '.npmrc', 'node_modules', 'node_modules/express/index.js'],
    ...['test', 'test/house.test.ts', 'dist', 'docs', 'README.md', 'new-file', 'new/secret.txt'],
    ...['src/.env', 'src/.env.local', 'examples/app/.env', 'examples/app/deep/.npmrc'],
    ...[
      'examples/containers/org.key',
      'examples/containers/cert.pem',
      'examples/app/node_modules/a',
    ],
    ...['examples/recipes', 'examples/app/app.test.js', 'examples/containers/compose.yaml'],
  ])('keeps %s out', (path) => {
    expect(isIgnored(path)).toBe(true)
  })

  it.each([
    'package.json',
    'src/index.ts',
    'scripts/build-cjs.js',
    'examples/app/public/style.css',
  ])('permits %s', (path) => {
    expect(isIgnored(path)).toBe(false)
  })

  it.each([
    ['*\n!a', 'a/b', false],
    ['*\n!a\na/b', 'a/b/c', true],
    ['a', 'b/a', false],
    ['**/a', 'b/c/a', true],
    ['**/a', 'a', true],
    ['/a/', 'a/b', true],
    ['*.md', 'a/b.md', false],
    ['a?c', 'abc', true],
    ['# a\n', 'a', false],
    ['!a\n*', 'a', true],
  ])('with the rules %j for %s: %s', (rules, path, expected) => {
    expect(createIsIgnored(rules)(path)).toBe(expected)
  })
})

describe('compose.yaml', () => {
  it('pins the images it does not build, and publishes the port of nginx alone, on loopback', () => {
    for (const [name, { image = '', build, ports = [] }] of Object.entries(services)) {
      if (build === undefined) expect(isPinned(image), image).toBe(true)
      else expect(build).toEqual({ context: '../..', dockerfile: 'examples/containers/Dockerfile' })
      if (name !== 'nginx') expect(ports, name).toEqual([])
    }
    expect(services.nginx?.ports).toEqual([`127.0.0.1:${ports.published}:${ports.nginx}`])
  })

  it('runs every service with few rights, bounded memory and time to end', () => {
    for (const [name, service] of Object.entries(services)) {
      expect(service, name).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
      expect(service.mem_limit, name).toMatch(/^\d+m$/)
      expect(Number.parseInt(service.stop_grace_period ?? '', 10), name).toBeGreaterThanOrEqual(10)
      if (service.build === undefined) expect(service.user, name).toMatch(/^(redis|nginx)$/)
    }
  })

  it('starts each service after those it needs are healthy, and each has a health check', () => {
    const order = inStartOrder(services)
    expect(order).toHaveLength(5)
    for (const [name, { depends_on: needed = {}, healthcheck, build }] of Object.entries(
      services,
    )) {
      for (const [other, { condition }] of Object.entries(needed)) {
        expect(services, name).toHaveProperty(other)
        expect(condition).toBe('service_healthy')
      }
      const isOfImage = build !== undefined && healthcheck === undefined
      expect(isOfImage ? image && healthCheckOf(image) : healthcheck?.test[0], name).toBeDefined()
      if (!isOfImage) expect(healthcheck?.test[0]).toBe('CMD')
    }
    expect(order.at(-1)).toBe('local-org')
  })

  it('gives the two apps the same settings, whose names the code reads', () => {
    expect(apps).toHaveLength(2)
    const [first, second] = apps.map(([, { environment }]) => environment ?? {})
    expect(second).toEqual(first)
    const code = [
      ...readdirSync(join(root, 'examples/containers')).filter((name) => name.endsWith('.js')),
      ...['../app/pushes.js', '../../src/options/table.ts', '../../src/options/parse-options.ts'],
    ].map((name) => read(`examples/containers/${name}`))
    const own = code.join('\n')
    for (const name of [...Object.keys(first ?? {}), 'HOST', 'PORT'])
      expect(own, name).toMatch(new RegExp(`\\b${name}\\b`))
  })

  it('has ports and names that agree with each other and with nginx.conf', () => {
    const { environment = {} } = services['app-1'] ?? {}
    expect(environment.APP_BASE_URL).toBe(`http://localhost:${ports.published}`)
    // The org's own URLs lead the browser to nginx.
    expect(ports.org).toBe(ports.published)
    expect(orgOption('allow-hosts').split(',')[0]).toBe('localhost')
    const org = new URL(environment.OKTA_CLIENT_ORGURL ?? '')
    expect(org.port).toBe(ports.org)
    expect(services.nginx?.networks?.default.aliases).toContain(org.hostname)
    expect(orgOption('allow-hosts').split(',')).toContain(org.hostname)
    expect(services['local-org']?.network_mode).toBe('service:nginx')
    expect(orgOption('hook')).toBe(`http://127.0.0.1:${ports.nginx}/okta/events`)
    expect(orgOption('hook-secret')).toBe(environment.OKTA_HOOK_SECRET)
    expect(environment.REDIS_URL).toBe('redis://redis:6379')
    expect(upstreamsOf(nginx)).toEqual({
      app: apps.map(([name]) => `${name}:${ports.app}`),
      local_org: [`127.0.0.1:${ports.org}`],
    })
    const checked = (name: string) => new URL(services[name]?.healthcheck?.test.at(-1) ?? '')
    expect(checked('nginx').port).toBe(ports.nginx)
    expect(nginx).toContain(`location = ${checked('nginx').pathname} {`)
    expect(checked('local-org').port).toBe(ports.org)
  })
})

describe('nginx.conf', () => {
  const published = readFileSync(recipeFile('nginx', 'one-host'), 'utf8')

  it('sends the same paths to the org as the published file', () => {
    const [paths = ''] = /location ~ .*oauth2.* \{/.exec(published) ?? []
    expect(paths).not.toBe('')
    expect(nginx).toContain(paths)
  })

  it('sets the same headers as the published file, with the port in the host', () => {
    const headersOf = (text: string) => text.match(/proxy_set_header .*;/g) ?? []
    const expected = headersOf(published).map((line) => line.replace('$host;', '$http_host;'))
    expect(expected.length).toBeGreaterThan(4)
    expect(headersOf(nginx)).toEqual(expected)
  })

  it('treats the app as the published file does', () => {
    const appOf = (text: string) => /location \/ \{(.*?)\}/s.exec(text)?.[1]?.replace(/\s+/g, ' ')
    expect(appOf(nginx)).toBe(appOf(published))
  })
})

function upstreamsOf(text: string): Record<string, string[]> {
  return Object.fromEntries(
    [...text.matchAll(/upstream (\w+) \{(.*?)\}/gs)].map(([, name = '', body = '']) => [
      name,
      [...body.matchAll(/server (\S+);/g)].map(([, server = '']) => server),
    ]),
  )
}
