/** The command `pilothouse` as a process of its own, with an environment that knows one home and nothing else. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../server/paths.js';

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CommandOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Is called with what was printed so far, on standard output and standard error, whenever there is more; and with a function that ends the command. */
  readonly printed?: (out: string, err: string, end: () => void) => void;
}

export function pilothouse(home: string, words: readonly string[], { input = '', env = {}, printed }: CommandOptions = {}): Promise<CommandResult> {
  const { DATABASE_URL: _1, PILOTHOUSE_URL: _2, PILOTHOUSE_TOKEN: _3, ...inherited } = process.env;
  const environment = { ...inherited, PILOTHOUSE_HOME: home, XDG_CONFIG_HOME: join(home, 'config'), ...env };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(PROJECT_ROOT, 'server', 'launch.mjs'), ...words], { env: environment, cwd: home }, (error, out, err) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, out, err }),
    );
    child.stdin!.end(input);
    if (!printed) return;
    let [out, err] = ['', ''];
    const tell = (): void => printed(out, err, () => child.kill('SIGTERM'));
    child.stdout!.on('data', (chunk) => ((out += String(chunk)), tell()));
    child.stderr!.on('data', (chunk) => ((err += String(chunk)), tell()));
  });
}
