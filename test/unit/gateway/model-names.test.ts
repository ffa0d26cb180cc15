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
      `${JSON.stringify(name)} cannot be a model's name; it must be a deployment's name, 1 to 63 of A-Z, a-z, 0-9, ".", "_" and "-" that begin and end with a letter or digit, or "project.deployment"`,
    );
    expect(() => nameOf(name)).toThrow("cannot be a model's name");
  },
);
