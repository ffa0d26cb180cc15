/** The program under attack: started from the build of any checkout, in an empty home, with the sample models served. */
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allPids, onEnd, signal, startProcess, until } from '../../bench/support/processes.mjs';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const SETTINGS = {
  PILOTHOUSE_PORT: '0',
  PILOTHOUSE_HTTP_PORT: '0',
  PILOTHOUSE_GRPC_PORT: '0',
  PILOTHOUSE_GATEWAY_AUTH: 'required',
  // A shell's own settings must not change what is measured.
  DATABASE_URL: '',
  PILOTHOUSE_RUNTIMES: '',
  PILOTHOUSE_HOST: '',
};

/**
 * Starts the server, waits until the sample `digits` answers, and says where everything is.
 * @param {{ root?: string, environment?: Record<string, string>, openFiles?: number }} options `root`: the checkout whose `dist/` runs;
 *   `openFiles`: the limit on descriptors of each of its processes
 */
export async function startProgram({ root = ROOT, environment = {}, openFiles }) {
  const home = mkdtempSync(join(tmpdir(), 'pilothouse-attack-'));
  const remove = onEnd(() => {
    for (const { pid } of processesOf(home)) signal(pid, 'SIGKILL');
    rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  const server = startServer({ root, home, environment, openFiles });
  let endpoints;
  await until(() => (endpoints = endpointsOf(home)), 'the start of the program', { failure: server.failure, timeoutMs: 120_000 });
  const token = readFileSync(join(home, 'admin-token'), 'utf8').trim();
  const program = {
    home,
    pid: server.pid,
    control: endpoints.control,
    gateway: endpoints.http,
    /** `host:port` */
    grpc: endpoints.grpc,
    token,
    authorization: `Bearer ${token}`,
    /** Why the server ended, or undefined while it runs. */
    failure: server.failure,
    pids: (role) => (role === 'server' ? [server.pid] : processesOf(home).flatMap((each) => (each.role === role ? [each.pid] : []))),
    stop: async () => {
      signal(server.pid, 'SIGTERM');
      await Promise.race([server.exited, new Promise((resolve) => setTimeout(resolve, 20_000).unref())]);
      await server.stop();
      remove();
    },
  };
  await until(() => infers(program), 'the first inference', { failure: server.failure, timeoutMs: 120_000, everyMs: 200 });
  return program;
}

/**
 * Starts a server in a home, which may have served before.
 * @param {{ root?: string, home: string, environment?: Record<string, string>, openFiles?: number, log?: string }} options as those of `startProgram`
 */
export function startServer({ root = ROOT, home, environment = {}, openFiles, log = join(home, 'output.log') }) {
  const main = join(root, 'dist', 'bundle', 'server', 'main.js');
  // With `exec`, the process is the server itself.
  const limited = openFiles ? `ulimit -n ${openFiles} && exec "$0" "$@"` : 'exec "$0" "$@"';
  return startProcess('sh', ['-c', limited, process.execPath, main], { cwd: root, env: { ...SETTINGS, PILOTHOUSE_HOME: home, ...environment }, log });
}

/** One inference of `digits`, as REST has it. */
export const INFERENCE = JSON.stringify({ inputs: [{ name: 'pixels', datatype: 'FP32', shape: [1, 64], data: Array.from({ length: 64 }, (_, i) => i % 16) }] });

const infers = ({ gateway, authorization }) =>
  fetch(`${gateway}/v2/models/digits/infer`, { method: 'POST', headers: { authorization }, body: INFERENCE }).then(
    async (response) => (await response.arrayBuffer(), response.ok),
    () => false,
  );

/** Where the server of a home listens; undefined before it said so. */
export function endpointsOf(home) {
  try {
    return JSON.parse(readFileSync(join(home, 'run', 'endpoints.json'), 'utf8'));
  } catch {
    return undefined; // not written yet
  }
}

/** Gateways and replicas outlive the server, so a tree of processes does not show them: their environment names their home. */
export function processesOf(home) {
  return allPids().flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      const named = [readFileSync(`/proc/${pid}/environ`, 'utf8'), command, readlinkSync(`/proc/${pid}/cwd`)].some((text) => text.includes(home));
      return named && pid !== process.pid ? [{ pid, command, role: roleOf(command) }] : [];
    } catch {
      return []; // ended just now
    }
  });
}

function roleOf(command) {
  if (/(^|\/)node\b.*\/gateway\/main\.js/.test(command)) return 'gateway';
  return command.startsWith('pilothouse-replica') ? 'replica' : 'other';
}
