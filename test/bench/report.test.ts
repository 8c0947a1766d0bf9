import { describe, expect, it } from 'vitest'
import { table } from '../../bench/harness/report.js'
import { quantile, spreadOf } from '../../bench/harness/spread.js'

describe('the figures of many measurements', () => {
  it('the figures of many measurements are the minimum, the median and half the interquartile range', () => {
    expect(spreadOf([5, 1, 4, 2, 3])).toEqual({ min: 1, median: 3, spread: 1 / 3 })
    expect(spreadOf([7])).toEqual({ min: 7, median: 7, spread: 0 })
    expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9)
  })
})

describe('the table on the terminal', () => {
  it('the table on the terminal aligns numbers to the right, groups thousands and leaves unknown figures out', () => {
    const lines = table({
      title: 'what was measured',
      columns: [
        { key: 'name', title: 'variant' },
        { key: 'calls', title: 'calls' },
        { key: 'share', title: 'served', percent: true, digits: 1 },
        { key: 'micros', title: 'µs', digits: 4 },
      ],
      rows: [
        { name: 'a', calls: 1_234_567, share: 0.999, micros: 1234.56789 },
        { name: 'longer', calls: undefined, share: 1, micros: 2 },
      ],
      notes: ['what to know'],
    }).split('\n')
    expect(lines).toEqual([
      'what was measured',
      '',
      'variant      calls   served          µs',
      '-------  ---------  -------  ----------',
      'a        1,234,567   99.9 %  1,234.5679',
      'longer              100.0 %      2.0000',
      '  what to know',
    ])
  })
})
