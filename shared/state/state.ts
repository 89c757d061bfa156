/** The state port: small facts that outlive a message but not a day; losing them costs accuracy, never a frame. */

export interface State extends AsyncDisposable {
  /**
   * Claims `key` for `owner` for `ttlMs`. Returns the owner that holds it: `owner` itself when the claim is new or was
   * already its own (a redelivery), another's when somebody was first. Renews nothing.
   */
  claim(key: string, owner: string, ttlMs: number): Promise<string>
  get(key: string): Promise<Uint8Array | undefined>
  /** Last write wins. */
  set(key: string, value: Uint8Array, ttlMs: number): Promise<void>
  delete(key: string): Promise<void>
}
