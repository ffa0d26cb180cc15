/** Which names reach the route table, and which are refused before anything is looked for. */
import { expect, test } from 'vitest';
import { assertName, nameOf } from '../../../server/gateway/protocols/model-name.js';

test.each(['ResNet50', 'half_plus_two', 'bert-v1.0', 'vision.ResNet50', 'vision.bert-v1.0', 'a..b'])('%s is a name', (name) => {
  expect(nameOf(name)).toBe(name);
});

test.each(['', '.', '..', 'a.', '.a', ' a', 'a ', 'a/../b', '../a', 'a\n', 'a\u0000', 'ä', 'a:b', 'D'.repeat(64), `${'p'.repeat(64)}.${'D'.repeat(63)}`])(
  '%j is none',
  (name) => {
    expect(() => assertName(name)).toThrow(
      `${JSON.stringify(name)} is not a valid model name; it must be "deployment" or "project.deployment", each 1 to 63 of A-Z, a-z, 0-9, ".", "_" and "-", with a letter or digit at both ends`,
    );
    expect(() => nameOf(name)).toThrow('is not a valid model name');
  },
);
