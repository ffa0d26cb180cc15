/** The real program as its own process, in a home of its own, on free ports; and what it left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program, PROJECT_ROOT } from '../../server/paths.js';
import { eventually } from './eventually.js';

export interface RunningProgram {
  readonly home: string;
  /** Base address of the control plane. */
  readonly url: string;
  readonly gatewayUrl: string;
  /** `host:port` of the gateway's gRPC. */
  readonly grpcAddress: string;
  readonly token: string;
  readonly pid: number;
  /** What it printed so far. */
  output(): string;
  /** Sends the signal and waits for the end. @returns the exit code, or the signal's name */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
  /** Starts it again after `stop`, over the same home and at the same address. */
  restart(): Promise<RunningProgram>;
  /** Processes that name the home in environment, command line or working folder, each as `pid command`. */
  processes(): string[];
  /** Sockets and pid files below the home. */
  files(): string[];
  /** Ends whatever is left and removes the home. */
  clean(): void;
}

type Endpoints = Readonly<Record<'control' | 'http' | 'grpc', string>>;

export const startProgram = (environment: NodeJS.ProcessEnv = {}): Promise<RunningProgram> =>
  startIn(mkdtempSync(join(tmpdir(), 'pilothouse-e2e-')), environment);

async function startIn(home: string, environment: NodeJS.ProcessEnv): Promise<RunningProgram> {
  const env = { ...process.env, PILOTHOUSE_HOME: home, PILOTHOUSE_PORT: '0', PILOTHOUSE_HTTP_PORT: '0', PILOTHOUSE_GRPC_PORT: '0', ...environment };
  const child = spawn(process.execPath, [program('server/main')], { cwd: PROJECT_ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => void (printed += chunk.toString()));
  const ended = new Promise<number | string>((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown')));
  const clean = (): void => {
    for (const line of processesOf(home)) kill(Number(line.split(' ')[0]));
    rmSync(home, { recursive: true, force: true });
  };
  let url = '';
  let gatewayUrl = '';
  let grpcAddress = '';
  try {
    await eventually(
      async () => {
        if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}: ${printed}`);
        const endpoints = endpointsOf(home);
        if (!endpoints) return false;
        ({ control: url, http: gatewayUrl, grpc: grpcAddress } = endpoints);
        return fetch(`${url}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        );
      },
      'the program is ready',
      100_000,
    );
  } catch (error) {
    clean();
    throw new Error(`${(error as Error).message}\n${printed}`, { cause: error });
  }
  return {
    home,
    url,
    gatewayUrl,
    grpcAddress,
    token: readFileSync(join(home, 'admin-token'), 'utf8').trim(),
    pid: child.pid!,
    output: () => printed,
    stop: (signal = 'SIGTERM') => end(child, ended, signal),
    restart: () => startIn(home, { ...environment, PILOTHOUSE_PORT: new URL(url).port }),
    processes: () => processesOf(home),
    files: () => filesBelow(home).filter((path) => path.endsWith('.pid') || path.endsWith('(socket)')),
    clean,
  };
}

function endpointsOf(home: string): Endpoints | undefined {
  try {
    return JSON.parse(readFileSync(join(home, 'run', 'endpoints.json'), 'utf8')) as Endpoints;
  } catch {
    return undefined; // not written yet
  }
}

async function end(child: ChildProcess, ended: Promise<number | string>, signal: NodeJS.Signals): Promise<number | string> {
  child.kill(signal);
  return ended;
}

function processesOf(home: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        // The zombie of a killed process waits for its new parent; it is dead all the same.
        if (/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return [];
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        const names = [readFileSync(`/proc/${pid}/environ`, 'utf8'), command, readlinkSync(`/proc/${pid}/cwd`)];
        return names.some((text) => text.includes(home)) ? [`${pid} ${command}`] : [];
      } catch {
        return []; // ended just now
      }
    });
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [entry.isSocket() ? `${path} (socket)` : path];
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ended just now
  }
}
