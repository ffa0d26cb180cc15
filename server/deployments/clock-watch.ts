/**
 * Tells when the machine's clock jumped: it was set, or the machine slept. Pure: time is an argument. What is measured by that clock over
 * a jump says nothing.
 */
export class ClockWatch {
  private ahead: number | undefined;

  /** @param toleranceMs a difference up to this is drift */
  constructor(private readonly toleranceMs = 5_000) {}

  /** Compares the two clocks. @returns whether the machine's one jumped since the last call */
  jumped(wallMs: number, monotonicMs: number): boolean {
    const before = this.ahead;
    this.ahead = wallMs - monotonicMs;
    return before !== undefined && Math.abs(this.ahead - before) > this.toleranceMs;
  }
}
