/** The report as a table for people, or as one line of JSON for programs. */
import type { Finding } from '../../public-types.js'
import type { DoctorCommand } from './command.js'
import type { Headroom } from './headroom.js'
import type { Report } from './run.js'

export function toText({ orgUrl }: DoctorCommand, report: Report): string {
  const lines = report.findings.flatMap(linesOf)
  const table = report.headroom === undefined ? [] : ['', ...tableOf(report.headroom)]
  return [`Checks of ${orgUrl}`, '', ...lines, ...table, '', summary(report.findings), ''].join(
    '\n',
  )
}

export function toJson({ orgUrl }: DoctorCommand, { findings, headroom }: Report): string {
  const fits = headroom && { table: headroom.table, smallestTtlMs: headroom.smallestTtlMs }
  const result = { org: orgUrl, ...counts(findings), findings, headroom: fits }
  return `${JSON.stringify(result)}\n`
}

const LEVEL_WIDTH = 9
const CHECK_WIDTH = 13

function linesOf({ check, level, message, advice }: Finding): readonly string[] {
  const line = `${level.padEnd(LEVEL_WIDTH)}${check.padEnd(CHECK_WIDTH)}${message}`
  if (advice === undefined) return [line]
  return [line, `${' '.repeat(LEVEL_WIDTH + CHECK_WIDTH)}-> ${advice}`]
}

function tableOf({ table }: Headroom): readonly string[] {
  const rows = table.map(({ ttlMs, sessions }) => {
    const columns = [`${ttlMs / 1_000} s`, sessions.toLocaleString('en-US')]
    return columns.map((text) => text.padStart(16)).join('')
  })
  return ['     cache.ttlMs active sessions', ...rows]
}

function counts(findings: readonly Finding[]) {
  const of = (level: Finding['level']) =>
    findings.filter((finding) => finding.level === level).length
  return { faults: of('fault'), warnings: of('warning') }
}

function summary(findings: readonly Finding[]): string {
  const { faults, warnings } = counts(findings)
  return `${numbered(faults, 'fault')}, ${numbered(warnings, 'warning')}`
}

function numbered(count: number, what: string): string {
  return `${count === 0 ? 'no' : count} ${what}${count === 1 ? '' : 's'}`
}
