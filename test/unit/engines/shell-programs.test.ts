/** The shell programs, as a shell reads them. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { SHELL_FOLDER, shellText, type ShellProgram } from '../../../server/engines/shell-text.js';

const parsed = (text: string) => spawnSync('/bin/sh', ['-n'], { input: text, encoding: 'utf8' });
const programs = readdirSync(SHELL_FOLDER).map((file) => basename(file, '.sh') as ShellProgram);

test.each(programs)('%s.sh has no syntax error, with its comments and without', (name) => {
  const file = spawnSync('/bin/sh', ['-n', join(SHELL_FOLDER, `${name}.sh`)], { encoding: 'utf8' });
  expect([file.status, file.stderr]).toEqual([0, '']);
  expect([parsed(shellText(name)).status, parsed(shellText(name)).stderr]).toEqual([0, '']);
  expect(shellText(name)).not.toMatch(/^ *#/m);
});

test('a syntax error would be seen', () => {
  expect(parsed('if true; then echo').status).not.toBe(0);
});
