/** Who of those that wait for the process of long texts goes next, and who is refused. */
import { expect, test } from 'vitest';
import { MAX_TEXTS_WAITING } from '../../../server/gateway/limits.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { TextLine } from '../../../server/gateway/text/text-line.js';

const MIB = 1024 * 1024;
const text = (caller: string, bytes = 1, name = '') => ({ caller, bytes, name });
const newLine = (held = new HeldBytes()) => new TextLine<ReturnType<typeof text>>(held);
const drained = (line: TextLine<ReturnType<typeof text>>) => {
  const all: string[] = [];
  for (let next = line.take(); next; next = line.take()) all.push(next.caller + next.name);
  return all;
};

test('callers take turns, each with its oldest', () => {
  const line = newLine();
  for (const name of ['1', '2', '3']) expect(line.join(text('a', 1, name))).toEqual([]);
  expect(line.join(text('b', 1, '1'))).toEqual([]);
  expect(line.take()).toMatchObject({ caller: 'a', name: '1' });
  for (const name of ['2', '3']) line.join(text('b', 1, name));
  line.join(text('c', 1, '1'));
  expect(drained(line)).toEqual(['b1', 'a2', 'c1', 'b2', 'a3', 'b3']);
});

test('one caller alone is refused when the line is full', () => {
  const line = newLine();
  for (let i = 0; i < MAX_TEXTS_WAITING; i++) expect(line.join(text('a'))).toEqual([]);
  const last = text('a');
  expect(line.join(last)).toEqual([last]);
  expect(drained(line)).toHaveLength(MAX_TEXTS_WAITING);
});

test('who fills the line gives up its newest for another', () => {
  const line = newLine();
  const flood = Array.from({ length: MAX_TEXTS_WAITING }, (_, i) => text('flood', 1, String(i)));
  for (const each of flood) line.join(each);
  expect(line.join(text('b'))).toEqual([flood[MAX_TEXTS_WAITING - 1]]);
  expect(line.join(text('flood'))).toMatchObject([{ caller: 'flood' }]);
  // Until both hold the same.
  for (let i = 1; i < MAX_TEXTS_WAITING / 2; i++) expect(line.join(text('b'))).toMatchObject([{ caller: 'flood' }]);
  expect(line.join(text('b'))).toMatchObject([{ caller: 'b' }]);
});

test('bytes are limited too: of those that wait, the largest holder gives way, and one alone may be as large as it likes', () => {
  const line = newLine();
  expect(line.join(text('a', 600 * MIB))).toEqual([]);
  expect(line.join(text('a', 1))).toHaveLength(1);
  expect(line.join(text('b', MIB))).toMatchObject([{ caller: 'a', bytes: 600 * MIB }]);
  for (let i = 0; i < 2; i++) expect(line.join(text('a', 60 * MIB, String(i)))).toEqual([]);
  expect(line.join(text('a', 60 * MIB))).toMatchObject([{ caller: 'a' }]);
  expect(line.join(text('b', 60 * MIB))).toMatchObject([{ caller: 'a', name: '1' }]);
});

test('who leaves makes room', () => {
  const line = newLine();
  const [first, second] = [text('a', 100 * MIB), text('b', 90 * MIB)];
  line.join(first);
  expect(line.leave(first)).toBe(true);
  expect(line.leave(first)).toBe(false);
  expect(line.join(second)).toEqual([]);
  expect(drained(line)).toEqual(['b']);
});

test('what else the gateway holds takes room from texts, and only texts of the same line are given up', () => {
  const held = new HeldBytes();
  const [line, other] = [newLine(held), newLine(held)];
  const release = held.hold('answers', 100 * MIB);
  expect(other.join(text('a', 20 * MIB))).toEqual([]);
  const refused = text('b', 10 * MIB);
  expect(line.join(refused)).toEqual([refused]);
  release();
  expect(line.join(refused)).toEqual([]);
  expect(held.bytes).toBe(30 * MIB);
  for (const each of [line, other]) drained(each);
  expect(held.bytes).toBe(0);
});
