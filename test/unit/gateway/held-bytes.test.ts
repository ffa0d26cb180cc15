/** What a gateway holds for its callers has one limit, of which each kind may use its part. */
import { expect, test } from 'vitest';
import { HeldBytes, type HeldKind } from '../../../server/gateway/held-bytes.js';

const MIB = 1024 * 1024;

/** Held before: kind and MiB. Then whether one more is accepted. */
test.each<[held: [HeldKind, number][], next: HeldKind, mib: number, accepted: boolean]>([
  // Up to 128 MiB of requests and texts, whatever the bytes are of.
  [[['requests', 64]], 'requests', 64, true],
  [[['requests', 64]], 'requests', 65, false],
  [[['texts', 64]], 'texts', 64, true],
  [[['texts', 64]], 'texts', 65, false],
  [
    [
      ['answers', 100],
      ['requests', 10],
    ],
    'requests',
    18,
    true,
  ],
  [
    [
      ['answers', 100],
      ['requests', 10],
    ],
    'requests',
    19,
    false,
  ],
  [
    [
      ['shadowCopies', 60],
      ['requests', 60],
      ['texts', 1],
    ],
    'texts',
    8,
    false,
  ],
  // Up to 64 MiB of shadow copies.
  [[['shadowCopies', 32]], 'shadowCopies', 32, true],
  [[['shadowCopies', 32]], 'shadowCopies', 33, false],
  [
    [
      ['requests', 63],
      ['shadowCopies', 1],
    ],
    'shadowCopies',
    1,
    false,
  ],
  // Up to 192 MiB of answers: callers' requests leave room for them.
  [
    [
      ['requests', 128],
      ['answers', 32],
    ],
    'answers',
    32,
    true,
  ],
  [
    [
      ['requests', 128],
      ['answers', 32],
    ],
    'answers',
    33,
    false,
  ],
  [[['answers', 192]], 'answers', 1, false],
  // The only one of its kind.
  [[], 'requests', 300, true],
  [[['answers', 192]], 'requests', 64, true],
  [[['answers', 192]], 'texts', 64, true],
  [[['answers', 192]], 'shadowCopies', 64, true],
  [
    [
      ['requests', 128],
      ['texts', 64],
    ],
    'answers',
    512,
    true,
  ],
])('%j held, %s of %i MiB: accepted is %s', (before, next, mib, accepted) => {
  const held = new HeldBytes();
  for (const [kind, each] of before) held.hold(kind, each * MIB);
  expect(held.hasRoom(next, mib * MIB)).toBe(accepted);
});

test('what is let go of counts no more, and only once', () => {
  const held = new HeldBytes(100);
  const releases = [held.hold('answers', 60), held.hold('answers', 40)];
  expect(held.fullBecause('answers')).toBe(
    'this gateway process holds 100 bytes: 0 waiting requests, 0 waiting texts, 0 shadow copies and 2 unread answers; the limit is 100 bytes',
  );
  releases[0]!();
  releases[0]!();
  expect(held.bytes).toBe(40);
  expect([60, 61].map((bytes) => held.hasRoom('answers', bytes))).toEqual([true, false]);
});
