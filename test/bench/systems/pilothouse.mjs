/**
 * Pilothouse as it ships: its own server in an empty home, models registered and deployed through the API with the defaults; metering and
 * limits as always, and authentication required.
 */
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allPids, onEnd, signal, startProcess, until } from '../support/processes.mjs';
import { importSource, ROOT } from '../support/sources.mjs';

const ANY_PORT = { PILOTHOUSE_PORT: '0', PILOTHOUSE_HTTP_PORT: '0', PILOTHOUSE_GRPC_PORT: '0' };
/** What a shell may have set must not change what is measured. */
const UNSET = { DATABASE_URL: '', PILOTHOUSE_RUNTIMES: '', PILOTHOUSE_HOST: '' };

/** A home that is removed at the end, with every process that works in it. */
export function makeHome() {
  const home = mkdtempSync(join(tmpdir(), 'pilothouse-bench-'));
  const remove = onEnd(() => {
    for (const { pid } of processesOf(home)) signal(pid, 'SIGKILL');
    rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  return { home, remove };
}

/** Starts the program and waits until it has said where it listens. */
export async function startProgram({ home, logs, env = {}, log = 'pilothouse.log' }) {
  rmSync(join(home, 'run', 'endpoints.json'), { force: true });
  const program = startProcess(process.execPath, [join(ROOT, 'server', 'launch.mjs')], {
    env: { ...UNSET, ...ANY_PORT, PILOTHOUSE_HOME: home, PILOTHOUSE_SAMPLES: 'off', PILOTHOUSE_GATEWAY_AUTH: 'required', ...env },
    log: join(logs, log),
  });
  let endpoints;
  await until(() => (endpoints = endpointsOf(home)), 'the start of Pilothouse', { failure: program.failure, timeoutMs: 120_000, everyMs: 5 });
  return { ...program, ...endpoints, token: readFileSync(join(home, 'admin-token'), 'utf8').trim(), stop: () => stopGently(program) };
}

function endpointsOf(home) {
  try {
    return JSON.parse(readFileSync(join(home, 'run', 'endpoints.json'), 'utf8'));
  } catch {
    return undefined; // not written yet
  }
}

/** A program that drains has more time than others. */
async function stopGently(program) {
  signal(program.pid, 'SIGTERM');
  const cut = setTimeout(() => signal(program.pid, 'SIGKILL'), 20_000);
  await program.exited;
  clearTimeout(cut);
  await program.stop();
}

export async function connectTo({ control, http, token }) {
  const { connect } = await importSource('clients/typescript/src/index.ts');
  return connect({ url: control, gatewayUrl: http, token });
}

/** Registers a file as the first version of a model, waits for its validation, and deploys it under the same name. */
export async function deployFile(client, name, file) {
  await client.createModel({ name });
  const version = await client.waitForVersion(await client.createVersion({ model: name, files: [file] }));
  await client.ready(await client.deploy({ name, targets: [{ versionId: version.id }] }));
  return version;
}

/** @param {{ models: Record<string, string>, logs: string, gateways?: number }} options */
export async function startPilothouse({ models, logs, gateways = 1 }) {
  const { home, remove } = makeHome();
  const program = await startProgram({ home, logs, env: { PILOTHOUSE_GATEWAYS: String(gateways) }, log: `pilothouse-${gateways}.log` });
  const client = await connectTo(program);
  for (const [name, file] of Object.entries(models)) await deployFile(client, name, file);
  return {
    name: gateways === 1 ? 'Pilothouse' : `Pilothouse, ${gateways} gateways`,
    url: ({ model }) => `${program.http}/v2/models/${model}/infer`,
    headers: { Authorization: `Bearer ${program.token}` },
    /** `serving`: gateways and replicas; `all` has the control plane and PostgreSQL as well. */
    processes: () => {
      const found = processesOf(home);
      const pids = (pick) => found.filter(pick).map(({ pid }) => pid);
      return {
        all: pids(() => true),
        serving: pids(({ role }) => role !== 'rest'),
        gateways: pids(({ role }) => role === 'gateway'),
        replicas: pids(({ role }) => role === 'replica'),
      };
    },
    home,
    client,
    program,
    stop: async () => {
      await client.close();
      await program.stop();
      remove();
    },
  };
}

/** Gateways and replicas outlive the server, so a tree of processes does not show them: they name their home. */
function processesOf(home) {
  return allPids().flatMap((pid) => {
    if (pid === process.pid) return [];
    try {
      if (/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return [];
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      const named = [readFileSync(`/proc/${pid}/environ`, 'utf8'), command, readlinkSync(`/proc/${pid}/cwd`)].some((text) => text.includes(home));
      return named ? [{ pid, command, role: roleOf(command) }] : [];
    } catch {
      return []; // ended just now
    }
  });
}

function roleOf(command) {
  if (/(^|\/)node\b.*\/gateway\/main\.js/.test(command)) return 'gateway';
  // Its own title: the shell that keeps its exit code names its program too.
  return command.startsWith('pilothouse-replica') ? 'replica' : 'rest';
}
