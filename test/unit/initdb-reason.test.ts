import { expect, test } from 'vitest';
import { reasonIn } from '../../server/database/embedded-postgres-init.js';

const FREE = 'free some space, or set PILOTHOUSE_HOME to a folder on another disk';

test.each<[string, string, string | undefined]>([
  [
    'a disk that was full before PostgreSQL panicked',
    '2026-01-01 UTC [9] FATAL:  could not write to file "base/1/2": No space left on device\n2026-01-01 UTC [9] PANIC:  cannot abort transaction 1, it was already committed\nchild process was terminated by signal 6: Aborted\ninitdb: removing contents of data directory "x"\n',
    `2026-01-01 UTC [9] FATAL:  could not write to file "base/1/2": No space left on device: ${FREE}`,
  ],
  ['a quota', 'noise\ninitdb: error: could not write file "x": Disk quota exceeded\n', `initdb: error: could not write file "x": Disk quota exceeded: ${FREE}`],
  [
    'of several complaints the first, which the others come of',
    'initdb: warning: nothing much\nFATAL:  shared memory is short\nPANIC:  cannot go on\n',
    'FATAL:  shared memory is short',
  ],
  ['words of no known kind', 'first\nlast\n\n', 'last'],
  ['nothing', '\n', undefined],
])('what initdb printed is told as its reason: %s', (_, printed, reason) => {
  expect(reasonIn(printed)).toBe(reason);
});
