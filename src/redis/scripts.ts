/** The Lua scripts on one credential's keys: each decides and writes in one step, so that instances cannot interleave. */
import { hash } from 'node:crypto'
import type { Script } from './commands.js'

/** A larger value was not written by this package. */
export const MAX_VALUE_LENGTH = 262_144

/**
 * A key of another type, and a value too long, are deleted and count as missing. `junk` is their number.
 * An entry is `<askedAt> <sealed>`, a lease its id, a marker `<time> <result>`; refusals are a hash by id.
 */
const HELPERS = `
local junk = 0
local function drop(key)
  redis.call('DEL', key)
  junk = junk + 1
  return false
end
local function read(key, command)
  local value = redis.pcall(command, key)
  if type(value) ~= 'table' or not value.err then return value end
  if string.sub(value.err, 1, 9) ~= 'WRONGTYPE' then error(value.err) end
  return drop(key)
end
local function text(key)
  local length = read(key, 'STRLEN')
  if not length or length == 0 then return false end
  if length > ${MAX_VALUE_LENGTH} then return drop(key) end
  return redis.call('GET', key)
end
local function entryOf(key)
  local value = text(key)
  if not value then return false, 0 end
  local askedAt = tonumber(string.match(value, '^(%d+) '))
  if not askedAt then return drop(key), 0 end
  return value, askedAt
end
local function refusalsOf(key)
  local count = read(key, 'HLEN')
  if not count or count == 0 then return {} end
  if count > 64 then drop(key) return {} end
  return redis.call('HGETALL', key)
end
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function ms(value)
  return string.format('%.0f', value)
end
local function answer(...)
  return { tostring(junk), ... }
end
local function refused(refusals)
  return { tostring(junk), 'refused', unpack(refusals) }
end
-- A lease without an end, or with a late one, was not written by this package.
local function leaseOf(key, px)
  local value = text(key)
  if not value then return false end
  local left = redis.call('PTTL', key)
  if left < 0 or left > px then return drop(key) end
  return value
end
`

function script(body: string): Script {
  const source = `${HELPERS}${body}`
  return { source, sha1: hash('sha1', source) }
}

/** KEYS: entry, lease, refusal, marker. ARGV: since, lease id, lease PX, since when it waits or ''. */
const claim = script(`
local refusals = refusalsOf(KEYS[3])
if #refusals > 0 and ARGV[5] ~= 'skip' then return refused(refusals) end
local entry, askedAt = entryOf(KEYS[1])
if entry and askedAt >= tonumber(ARGV[1]) then return answer('entry', entry) end
if ARGV[4] ~= '' then
  local at, result = string.match(text(KEYS[4]) or '', '^(%d+) (.+)$')
  if at and tonumber(at) >= tonumber(ARGV[4]) then return answer('released', result) end
end
local px = tonumber(ARGV[3])
if leaseOf(KEYS[2], px) then return answer('held', ms(now())) end
redis.call('SET', KEYS[2], ARGV[2], 'PX', px)
return answer('lease', entry or '')
`)

/** KEYS: entry, refusal. ARGV: whether an entry counts in spite of a refusal, `yes` or `no`. */
const read = script(`
local refusals = refusalsOf(KEYS[2])
if #refusals > 0 and ARGV[1] == 'no' then return refused(refusals) end
return answer('entry', (entryOf(KEYS[1])) or '')
`)

/** KEYS: lease or refresh. ARGV: its value, PX. */
const renew = script(`
if text(KEYS[1]) ~= ARGV[1] then return answer('lost') end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return answer('renewed')
`)

/** KEYS: entry, lease. ARGV: lease id or '', askedAt, value, PX, how far a clock may be ahead. */
const fill = script(`
local function put()
  local stored, storedAt = entryOf(KEYS[1])
  local isNewer = stored and storedAt >= tonumber(ARGV[2])
  if isNewer and storedAt <= now() + tonumber(ARGV[5]) then return answer('older') end
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
  return answer('filled')
end
if ARGV[1] == '' then return put() end
if text(KEYS[2]) ~= ARGV[1] then return answer('lost') end
redis.call('DEL', KEYS[2])
return put()
`)

/** KEYS: entry, lease, marker. ARGV: lease id or '', result for waiting claims, its PX, time of a negative answer or ''. */
const release = script(`
local isNo = ARGV[4] ~= ''
if isNo then
  local entry, askedAt = entryOf(KEYS[1])
  if entry and askedAt < tonumber(ARGV[4]) then redis.call('DEL', KEYS[1]) end
end
-- After a negative answer no lookup that began earlier may fill: a lease of another instance ends too.
if not isNo and text(KEYS[2]) ~= ARGV[1] then return answer('lost') end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[3], ms(now()) .. ' ' .. ARGV[2], 'PX', ARGV[3])
return answer('released')
`)

/** KEYS: entry, lease, refusal. ARGV: refusal id or '', value or '' to remove it, PX. */
const voidCredential = script(`
local id, value, px = ARGV[1], ARGV[2], tonumber(ARGV[3])
if id == '' or value ~= '' then redis.call('DEL', KEYS[1], KEYS[2]) end
if id == '' then return answer('void') end
refusalsOf(KEYS[3])
if value == '' then
  redis.call('HDEL', KEYS[3], id)
elseif redis.call('HLEN', KEYS[3]) < 64 or redis.call('HEXISTS', KEYS[3], id) == 1 then
  local left = redis.call('PTTL', KEYS[3])
  redis.call('HSET', KEYS[3], id, value)
  redis.call('PEXPIRE', KEYS[3], ms(math.max(left, px)))
end
return answer('void')
`)

/** KEYS: any string. ARGV: its value. */
const removeSame = script(`
if text(KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return answer('removed')
`)

/** KEYS: refusal. ARGV: ids and values in pairs. */
const removeRefusals = script(`
refusalsOf(KEYS[1])
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return answer('removed')
`)

/**
 * KEYS: refresh. ARGV: the period, lease id or '' to read only, lease PX, since when it waits or ''. The value
 * is `L <began> <id>` during a refresh, then `R <began> <sealed>`, `F <code>` or `N <time>`.
 */
const claimRefresh = script(`
local value = text(KEYS[1]) or ''
local time, px, left = now(), tonumber(ARGV[3]), redis.call('PTTL', KEYS[1])
local kind, first, rest = string.match(value, '^(%u) (%S+) ?(%S*)$')
if value ~= '' and (not kind or left < 0 or (kind == 'L' and left > px)) then
  drop(KEYS[1])
  kind = nil
end
local at = kind and tonumber(first) or 0
if kind == 'L' then return answer('held', ms(time)) end
if kind == 'F' then return answer('failed', value, first, ms(left)) end
if kind == 'R' and at <= time and time - at < tonumber(ARGV[1]) then
  return answer('recent', value, first, rest, ms(time - at))
end
if kind == 'N' and ARGV[4] ~= '' and at >= tonumber(ARGV[4]) then return answer('none') end
if ARGV[2] == '' then return answer('none') end
local lease = ms(time) .. ' ' .. ARGV[2]
redis.call('SET', KEYS[1], 'L ' .. lease, 'PX', px)
return answer('lease', lease)
`)

/** KEYS: refresh. ARGV: lease, value or '' for waiting claims to go on, PX. */
const endRefresh = script(`
if text(KEYS[1]) ~= 'L ' .. ARGV[1] then return answer('lost') end
local value = ARGV[2]
if value == '' then value = 'N ' .. ms(now()) end
redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
return answer('ended')
`)

export const scripts = {
  claim,
  read,
  renew,
  fill,
  release,
  voidCredential,
  removeSame,
  removeRefusals,
  claimRefresh,
  endRefresh,
} as const
