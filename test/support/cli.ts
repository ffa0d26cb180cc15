/** The command `pilothouse` as a process of its own, with an environment that knows one home and nothing else. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../server/paths.js';

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export function pilothouse(
  home: string,
  words: readonly string[],
  { input = '', env = {} }: { input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<CommandResult> {
  const { DATABASE_URL: _1, PILOTHOUSE_URL: _2, PILOTHOUSE_TOKEN: _3, ...inherited } = process.env;
  const environment = { ...inherited, PILOTHOUSE_HOME: home, XDG_CONFIG_HOME: join(home, 'config'), ...env };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(PROJECT_ROOT, 'server', 'launch.mjs'), ...words], { env: environment, cwd: home }, (error, out, err) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, out, err }),
    );
    child.stdin!.end(input);
  });
}
