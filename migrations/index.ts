import type { MigrationInterface } from 'typeorm';
import { Initial1763800000000 } from './0001-initial.js';
import { VersionBackend1764400000000 } from './0002-version-backend.js';
import { LeadershipEpoch1764500000000 } from './0003-leadership-epoch.js';
import { VersionOptions1764600000000 } from './0004-version-options.js';
import { Aliases1764700000000 } from './0005-aliases.js';

/** Every migration, oldest first. A list and no glob: what is not listed here does not run. */
export const migrations: (new () => MigrationInterface)[] = [
  Initial1763800000000,
  VersionBackend1764400000000,
  LeadershipEpoch1764500000000,
  VersionOptions1764600000000,
  Aliases1764700000000,
];
