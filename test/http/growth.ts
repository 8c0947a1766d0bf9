/** How the cost of reading an input grows with its length, in CPU and not in time. */
export type Work = (text: string) => unknown

/**
 * How many times the CPU the longer input takes: the least of many runs each, alternating. On a busy machine
 * the least is found late, so that more runs are made while the figure is not below the limit.
 */
export function growth(work: Work, shorter: string, longer: string, limit: number): number {
  const repeats = Math.max(1, Math.round(1_000 / Math.max(1, cpu(work, shorter, 8) / 8)))
  let least = { shorter: Number.POSITIVE_INFINITY, longer: Number.POSITIVE_INFINITY }
  for (let run = 0; run < 12 || (run < 200 && least.longer >= limit * least.shorter); run += 1)
    least = {
      shorter: Math.min(least.shorter, cpu(work, shorter, repeats)),
      longer: Math.min(least.longer, cpu(work, longer, repeats)),
    }
  return least.longer / Math.max(1, least.shorter)
}

/** Microseconds of this process. */
function cpu(work: Work, input: string, repeats: number): number {
  const before = process.cpuUsage()
  for (let count = 0; count < repeats; count += 1) work(input)
  const { user, system } = process.cpuUsage(before)
  return user + system
}
