import { expect, test } from 'vitest';
import { readRequirements } from '../../runtimes/python/requirements.js';

test('packages by name and version are taken, without comments', () => {
  const text = '# what it was trained with\nscikit-learn==1.7.2  # pinned\r\nnumpy>=2,<3\n\npandas[performance] ~= 2.3; python_version < "3.14"\nskops\n';
  expect(readRequirements(text)).toEqual(['numpy>=2,<3', 'pandas[performance] ~= 2.3; python_version < "3.14"', 'scikit-learn==1.7.2', 'skops']);
});

test.each([
  '-r other.txt',
  '--index-url https://example.com/simple',
  '-e .',
  './wheels/numpy.whl',
  '../evil',
  '/tmp/evil.whl',
  'numpy @ https://example.com/numpy.whl',
  'https://example.com/numpy.whl',
  'git+https://example.com/numpy',
  'file:///tmp/numpy.whl',
  'numpy; x @ https://example.com',
  'numpy==2 --hash=sha256:00',
])('"%s" is refused', (line) => {
  expect(() => readRequirements(`numpy\n${line}\n`)).toThrow(`line 2 of requirements.txt, "${line}", is no package with a version`);
});
