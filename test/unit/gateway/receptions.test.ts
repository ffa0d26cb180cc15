/** Requests that are being received: their room, shared between callers, and how slowly they may come. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RECEPTION_MIN_RATE, RECEPTION_SLOW_MS } from '../../../server/gateway/limits.js';
import { Receptions, type Reception } from '../../../server/gateway/receptions.js';

const KIB = 1024;
let now: number;
let receptions: Receptions;
let ended: string[];

beforeEach(() => {
  now = 0;
  ended = [];
  receptions = new Receptions(1_000 * KIB, () => now);
});
afterEach(() => receptions.close());

const begin = (name: string, caller: string, kib = 0): Reception => {
  const reception = receptions.begin(caller, ({ reason }) => ended.push(`${name} ${reason}`));
  if (kib > 0) reception.add(kib * KIB);
  return reception;
};
/** Seconds pass, in each of which `perSecond` does what senders do. */
const pass = (seconds: number, perSecond: () => void = () => undefined): void => {
  for (let i = 0; i < seconds; i++) {
    perSecond();
    now += 1_000;
    receptions.sweep();
  }
};

test('who holds the most gives up one of its own for another, not the other', () => {
  for (const name of ['a1', 'a2', 'a3']) begin(name, 'a', 300);
  pass(2);
  begin('b1', 'b', 200);
  expect(ended).toEqual(['a1 room']);
  begin('b2', 'b', 190);
  expect(ended).toEqual(['a1 room']);
});

test('a caller that is alone ends the request that stands still', () => {
  const standing = begin('standing', '', 400);
  const coming = begin('coming', '', 400);
  pass(2, () => coming.add(20 * KIB));
  coming.add(300 * KIB);
  expect(ended).toEqual(['standing room']);
  standing.add(900 * KIB);
  expect(ended).toEqual(['standing room']);
});

test('what has come whole makes room, once', () => {
  const first = begin('first', 'a', 600);
  first.done();
  first.done();
  begin('second', 'b', 900);
  expect(ended).toEqual([]);
  begin('third', 'c', 200);
  expect(ended).toEqual(['second room']);
});

test('many small pieces count as the memory that they take', () => {
  const reception = begin('pieces', 'a');
  for (let i = 0; i < 10_000; i++) reception.add(1);
  expect(ended).toEqual(['pieces room']);
});

test('one that comes too slowly ends, and one that is not does not', () => {
  const slow = begin('slow', 'a');
  const brisk = begin('brisk', 'a');
  const bursts = begin('bursts', 'a');
  let second = 0;
  pass(RECEPTION_SLOW_MS / 1_000 + 1, () => {
    slow.add(1_000);
    brisk.add(RECEPTION_MIN_RATE);
    if (second++ % 5 === 0) bursts.add(5 * RECEPTION_MIN_RATE);
  });
  expect(ended).toEqual(['slow slow']);
});

test('one whose sender waits for the gateway is not timed', () => {
  receptions.begin('a', ({ reason }) => ended.push(reason), false).add(10);
  pass(60);
  expect(ended).toEqual([]);
});

test('a time in which the gateway itself stood still does not count', () => {
  begin('waits', 'a', 10);
  pass(5);
  now += 60_000;
  receptions.sweep();
  expect(ended).toEqual([]);
  pass(8);
  expect(ended).toEqual(['waits slow']);
});
