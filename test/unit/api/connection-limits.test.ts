import { expect, test } from 'vitest';
import { connectionLimits } from '../../../server/api/connections.js';
import { openFilesLimit } from '../../../server/open-files.js';

test.each([
  [256, 128, 32],
  [1_024, 512, 128],
  [8_192, 7_168, 1_792],
  [20_000, 12_500, 3_125],
  [Infinity, 12_500, 3_125],
])('of %d descriptors, %d connections, %d of them of strangers', (openFiles, connections, strangers) => {
  expect(connectionLimits(openFiles)).toMatchObject({ connections, strangers });
});

test("the process's own limit is known", () => {
  expect(openFilesLimit()).toBeGreaterThanOrEqual(256);
});
