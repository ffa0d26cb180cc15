/** The program under test in a home of its own: its server is started again whenever it ended, its processes are found, and its database is read. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { endpointsOf, processesOf, startServer } from '../../attack/support/program.mjs';
import { freePort, onEnd, signal, until } from '../../bench/support/processes.mjs';
import { ROOT } from '../../bench/support/sources.mjs';

const READYZ_MS = 3_000;
/** A database that is being started again is asked again for so long. */
const DATABASE_PATIENCE_MS = 60_000;

/** @param {{ gateways: number, keep: boolean }} options `keep`: the home stays, to be looked at */
export async function startHome({ gateways, keep }) {
  const folder = mkdtempSync(join(tmpdir(), 'pilothouse-chaos-'));
  const home = join(folder, 'home');
  mkdirSync(home);
  const remove = onEnd(() => {
    for (const { pid } of processesOf(home)) signal(pid, 'SIGKILL');
    if (keep) console.log(`kept: ${folder}`);
    else rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  // Ports that stay the same over a restart, as those of a real installation do.
  const environment = { PILOTHOUSE_SAMPLES: 'off', PILOTHOUSE_GATEWAYS: String(gateways) };
  for (const name of ['PILOTHOUSE_PORT', 'PILOTHOUSE_HTTP_PORT', 'PILOTHOUSE_GRPC_PORT']) environment[name] = String(await freePort());

  let stopping = false;
  let starts = 0;
  let server;
  /** Ends of the server that nobody asked for. */
  const ended = [];
  let killed;
  const start = () => {
    const own = startServer({ home, environment, log: join(folder, `server-${++starts}.log`) });
    server = own;
    void own.exited.then(async () => {
      const failure = own.failure();
      // Its pid may be another process's soon.
      await own.stop();
      if (killed !== own.pid && !stopping) ended.push(failure);
      if (!stopping) start();
    });
  };
  start();
  let endpoints;
  await until(() => (endpoints = endpointsOf(home)), 'the start of the program', { failure: () => ended[0], timeoutMs: 120_000 });
  const { control, http, grpc } = endpoints;
  return {
    home,
    control,
    gateway: http,
    grpc,
    token: readFileSync(join(home, 'admin-token'), 'utf8').trim(),
    ended,
    starts: () => starts,
    /** Pids of a role: server, gateway, holder, replica, postgres (the one that starts the others), backend (serves one connection). */
    pids: (role) => (role === 'server' ? [server.pid] : processesOf(home).flatMap(({ pid, command }) => (roleOf(command) === role ? [pid] : []))),
    /** Whether the server says that it is ready. */
    isReady: async () => {
      const ready = await fetch(`${control}/readyz`, { signal: AbortSignal.timeout(READYZ_MS) });
      await ready.arrayBuffer();
      return ready.ok;
    },
    /** Says before a server is killed that this was meant. */
    expectEnd: (pid) => (killed = pid),
    query: (text, values) => query(home, text, values),
    /** `pilothouse stop`. @returns what of this home still runs afterwards */
    stop: async () => {
      stopping = true;
      const command = spawn(process.execPath, [join(ROOT, 'server', 'launch.mjs'), 'stop'], {
        env: { ...process.env, PILOTHOUSE_HOME: home },
        stdio: 'ignore',
      });
      await new Promise((resolve) => command.once('exit', resolve));
      await Promise.race([server.exited, delay(20_000)]);
      return processesOf(home).map(({ pid, command: line }) => `${pid} ${line}`.slice(0, 120));
    },
    remove,
  };
}

function roleOf(command) {
  if (/^postgres: \S+: \S+ \S+ (\[local\]|[\d.]+\()/.test(command)) return 'backend';
  if (/\/postgres\S* .*-D/.test(command)) return 'postgres';
  if (command.includes('pilothouse-gateway-holder')) return 'holder';
  if (/(^|\/)node\b.*\/gateway\/main\.js/.test(command)) return 'gateway';
  // Its own title: the shell that keeps its exit code names its program too.
  return command.startsWith('pilothouse-replica') ? 'replica' : 'other';
}

/** The gateway was told where the database is. */
function databaseUrl(home) {
  for (const { pid, role } of processesOf(home)) {
    if (role !== 'gateway') continue;
    const entry = readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .find((each) => each.startsWith('DATABASE_URL='));
    if (entry) return entry.slice('DATABASE_URL='.length);
  }
  throw new Error('no gateway runs that knows the database');
}

let url;
/** Asks until the database answers: it may be away at any time. */
async function query(home, text, values) {
  for (const started = performance.now(); ; await delay(100)) {
    let client;
    try {
      url ??= databaseUrl(home);
      client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 10_000 });
      client.on('error', () => undefined);
      await client.connect();
      return (await client.query(text, values)).rows;
    } catch (error) {
      // A statement that is wrong stays wrong.
      if (/^(42|22)/.test(error.code ?? '') || performance.now() - started > DATABASE_PATIENCE_MS) throw error;
    } finally {
      // Of a connection that hangs, the end may never come.
      void client?.end().catch(() => undefined);
    }
  }
}
