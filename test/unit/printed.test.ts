/** Output of a document that leaves things out still fails where anything else differs. */
import { expect, test } from 'vitest';
import { expectPrinted } from '../support/printed.js';

test('what differs is left out, within a line and whole lines', () => {
  expectPrinted('ready in 3 s (1.5)\na\nb\nend\n', 'ready in … s (1.5)\n…\nend\n');
  expectPrinted('a\nend\n', 'a\n  …\nend\n');
  expectPrinted('', '');
});

test.each([
  ['another line', 'a\nc\n', 'a\nb\n'],
  ['a line more', 'a\nb\nc\n', 'a\nb\n'],
  ['a line less', 'a\n', 'a\nb\n'],
  ['nothing where something differs', 'ready in  s\n', 'ready in … s\n'],
  ['a dot is a dot', 'axb\n', 'a.b\n'],
])('%s is found', (_what, printed, shown) => {
  expect(() => expectPrinted(printed, shown)).toThrow();
});
