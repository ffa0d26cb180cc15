/**
 * Refuses commands of a leader that was replaced. The highest epoch seen is kept in the home, as the name of an empty file:
 * making one is atomic, and the highest of them only ever grows, whichever processes write at the same time.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StaleEpochError } from './engine.js';
import { look } from './look.js';

export class EpochFence {
  private readonly folder: string;

  /** @param scope what the epochs count in (the database's own id): those of another database are no measure for this one's. */
  constructor(home: string, scope = '') {
    this.folder = join(home, 'run', 'epoch', createHash('sha256').update(scope).digest('hex').slice(0, 12));
  }

  /** The highest epoch that was ever passed; 0 before the first. */
  highest(): number {
    return Math.max(0, ...this.seen());
  }

  /** @throws StaleEpochError when a higher epoch was passed before, by whichever process; FailedLookError when that is not to be known */
  pass(epoch: number): void {
    if (!Number.isSafeInteger(epoch) || epoch < 0) throw new RangeError(`an epoch is a non-negative integer, not ${epoch}`);
    let seen = this.seen();
    if (!seen.includes(epoch)) {
      mkdirSync(this.folder, { recursive: true });
      if (epoch > Math.max(-1, ...seen)) writeFileSync(join(this.folder, String(epoch)), '');
      // Read again after writing: another process may have passed a higher one in between.
      seen = this.seen();
    }
    const highest = Math.max(0, ...seen);
    if (epoch < highest) throw new StaleEpochError(`this command has epoch ${epoch}, but epoch ${highest} leads now`);
    for (const old of seen) if (old < highest) rmSync(join(this.folder, String(old)), { force: true });
  }

  private seen(): number[] {
    return (look(this.folder, () => readdirSync(this.folder)) ?? []).map(Number);
  }
}
