/**
 * Tells when a leader's heartbeat has stopped. Pure: time is an argument. It compares what it saw, not timestamps, so that clocks that
 * differ or are set do not matter; and it counts only the time in which it looked, so that a candidate that was stopped itself, or could
 * not reach the database, does not blame the leader.
 */
export class HeartbeatWatch {
  private beat: string | undefined;
  private lookedAtMs: number | undefined;
  private silentMs = 0;

  /**
   * @param staleMs a heartbeat that does not change for this long has stopped
   * @param maxStepMs what the time between two looks counts for at most
   */
  constructor(
    private readonly staleMs: number,
    private readonly maxStepMs: number,
  ) {}

  /** One look at the heartbeat. @param nowMs on a monotonic clock. @returns whether it has stopped */
  look(beat: string, nowMs: number): boolean {
    const stepMs = this.lookedAtMs === undefined ? 0 : Math.min(nowMs - this.lookedAtMs, this.maxStepMs);
    this.silentMs = beat === this.beat ? this.silentMs + stepMs : 0;
    this.beat = beat;
    this.lookedAtMs = nowMs;
    return this.silentMs >= this.staleMs;
  }

  /** Forgets what was seen: a look failed, or the heartbeat was dealt with. */
  reset(): void {
    this.lookedAtMs = undefined;
    this.silentMs = 0;
  }
}
