/** Who gives up an answer that was not read where there is no room for one more. */
import { beforeEach, expect, test } from 'vitest';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { UnreadAnswers } from '../../../server/gateway/unread-answers.js';

let held: HeldBytes;
let unread: UnreadAnswers;
let givenUp: string[];
beforeEach(() => {
  held = new HeldBytes(100);
  unread = new UnreadAnswers(held);
  givenUp = [];
});

function hold(caller: string, bytes: number, name = caller): () => void {
  unread.makeRoom(caller, bytes);
  return unread.hold(caller, bytes, () => givenUp.push(name));
}

test('a caller that holds the most itself is refused', () => {
  hold('a', 60);
  hold('a', 40);
  expect(() => hold('a', 1)).toThrow(
    expect.objectContaining({
      kind: 'UNAVAILABLE',
      retryAfterSeconds: 1,
      message: expect.stringMatching(/^no room for the answer: .*2 unread/),
    }) as Error,
  );
  expect([givenUp, held.bytes]).toEqual([[], 100]);
});

test('a caller that holds more gives up what it has not read for longest, until both hold the same', () => {
  for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) hold('a', 20, name);
  hold('b', 10);
  expect([givenUp, held.bytes]).toEqual([['a1'], 90]);
  hold('b', 20);
  expect([givenUp, held.bytes]).toEqual([['a1', 'a2'], 90]);
  // 60 and 30 bytes: with 40 more the newcomer would hold the most.
  expect(() => hold('b', 40)).toThrow('no room');
});

test('what was read, or given up, counts no more', () => {
  const [first] = [hold('a', 60, 'a1'), hold('a', 40, 'a2')];
  hold('b', 10);
  first();
  expect([givenUp, held.bytes]).toEqual([['a1'], 50]);
  hold('a', 50, 'a3')();
  expect(held.bytes).toBe(50);
});

test('where requests and texts take the room, the only answer is accepted all the same', () => {
  held.hold('requests', 100);
  hold('a', 500);
  hold('b', 10);
  expect([givenUp, held.bytes]).toEqual([['a'], 110]);
});
