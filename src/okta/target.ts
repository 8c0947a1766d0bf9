/** The request that is to be authorised, as a proof names it. */
export interface Target {
  readonly method: string
  /** Absolute, without query. */
  readonly url: string
}
