import type { MigrationInterface } from 'typeorm';
import { Initial1763800000000 } from './0001-initial.js';
import { LeadershipEpoch1764300000004 } from './0004-leadership-epoch.js';

/** Every migration, oldest first. A list and no glob: what is not listed here does not run. */
export const migrations: (new () => MigrationInterface)[] = [Initial1763800000000, LeadershipEpoch1764300000004];
