/**
 * A clock for what callers may take their time for. It goes on by at most one step at each tick, so a process that stood still (it was
 * stopped, or the machine slept) does not count its own pause as its callers'.
 */
export class AwakeClock {
  /** In milliseconds, from 0. */
  now = 0;
  private tickedAt: number;

  /**
   * @param stepMs how often it is ticked
   * @param monotonic in milliseconds
   */
  constructor(
    private readonly stepMs: number,
    private readonly monotonic: () => number,
  ) {
    this.tickedAt = monotonic();
  }

  tick(): void {
    const at = this.monotonic();
    this.now += Math.min(at - this.tickedAt, this.stepMs);
    this.tickedAt = at;
  }
}
