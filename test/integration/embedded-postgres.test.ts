import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findBinaries, platformPackage } from '../../server/database/embedded-postgres-binaries.js';
import { initialise } from '../../server/database/embedded-postgres-init.js';
import { canRun, chooseAccount } from '../../server/database/embedded-postgres-account.js';
import { embeddedPostgresPaths } from '../../server/database/embedded-postgres-paths.js';
import { processesOf } from '../../server/database/embedded-postgres-process.js';
import { EmbeddedPostgres, type EmbeddedPostgresOptions, stopEmbeddedPostgres } from '../../server/database/embedded-postgres.js';
import { createDataSource, migrate } from '../../server/database/data-source.js';
import { ENTITIES } from '../../server/features.js';
import { PROJECT_ROOT } from '../../server/paths.js';
import type { DomainError } from '../../server/errors.js';
import { prepareData } from '../support/prepared-home.js';

// A start makes a whole database: a second, and many times that on a machine that is busy.
vi.setConfig({ testTimeout: 120_000 });

const log = pino({ level: 'silent' });
const settings = { fsync: 'off' };
const root = process.getuid?.() === 0;

let folder: string;
let home: string;
const started = new Set<EmbeddedPostgres>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilothouse-test-'));
  home = join(folder, 'home');
});

afterEach(async () => {
  for (const postgres of started) await postgres.leave();
  started.clear();
  await stopEmbeddedPostgres(home, { force: true });
  rmSync(folder, { recursive: true, force: true });
});

/** `fresh`: the data folder is made by this start, and not copied. */
async function start({ fresh = false, ...options }: Partial<EmbeddedPostgresOptions> & { fresh?: boolean } = {}): Promise<EmbeddedPostgres> {
  if (!fresh && !existsSync(join(home, 'postgres'))) await prepareData(home);
  const postgres = await EmbeddedPostgres.start({ home, log, settings, ...options });
  started.add(postgres);
  return postgres;
}

async function query(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return Object.values((await client.query<Record<string, unknown>>(sql)).rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

async function until<Value>(what: () => Value | Promise<Value>, ms = 60_000): Promise<Value> {
  const deadline = performance.now() + ms;
  for (;;) {
    try {
      const value = await what();
      if (value) return value;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms`);
    await sleep(20);
  }
}

const leftovers = (): string[] => {
  const paths = embeddedPostgresPaths(home);
  return [join(paths.data, 'postmaster.pid'), paths.record, paths.lock, ...paths.sockets, ...paths.copies.slice(1)].filter((path) => existsSync(path));
};

describe('the embedded PostgreSQL', () => {
  it('makes its data, answers pg and TypeORM on a private socket alone, and stops without a trace', async () => {
    const postgres = await start({ fresh: true });
    expect(postgres.adopted).toBe(false);
    expect(Number(await query(postgres.url, "SELECT current_setting('server_version_num')::int"))).toBeGreaterThanOrEqual(180000);
    expect(await query(postgres.url, 'SHOW listen_addresses')).toBe('');
    expect(statSync(new URL(postgres.url).searchParams.get('host')!).mode & 0o777).toBe(0o700);
    expect(statSync(join(home, 'postgres')).mode & 0o777).toBe(0o700);
    const dataSource = await createDataSource(postgres.url, ENTITIES).initialize();
    await migrate(dataSource);
    expect(await dataSource.query('SELECT count(*)::int AS n FROM project')).toEqual([{ n: expect.any(Number) as number }]);
    await dataSource.destroy();
    await postgres.stop();
    expect(processesOf(join(home, 'postgres'))).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  it.runIf(process.platform === 'linux')("gets nothing of the server's environment that is secret", async () => {
    vi.stubEnv('SOME_TOKEN', 'secret');
    try {
      const postgres = await start({ fresh: true });
      const environment = readFileSync(`/proc/${postgres.pid}/environ`, 'utf8').split('\0');
      expect(environment).toContain(`PILOTHOUSE_HOME=${home}`);
      expect(environment).toContain('LC_ALL=C');
      expect(environment).not.toContain('SOME_TOKEN=secret');
      await postgres.stop();
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('keeps what was written, sorts by code point and knows case beyond ASCII', async () => {
    const first = await start();
    await query(first.url, "CREATE TABLE kept AS SELECT unnest(ARRAY['b','B','a','É']) AS name");
    await first.stop();
    const second = await start();
    expect(await query(second.url, "SELECT string_agg(lower(name), '' ORDER BY name) FROM kept")).toBe('babé');
  });

  it('makes its data with programs below a path that a shell would read as something else', async () => {
    const { native, version } = platformPackage();
    const clone = join(folder, 'cl$one `x` "y"', 'native');
    cpSync(native, clone, { recursive: true, verbatimSymlinks: true });
    const copies = [join(folder, 'a$b'), join(folder, 'programs')];
    const binaries = findBinaries({ kind: 'self' }, copies, { native: clone, version });
    expect(binaries.initdb).toBe(join(folder, 'programs', `postgres-${version}`, 'bin', 'initdb'));
    expect(existsSync(copies[0]!)).toBe(false);
    const account = chooseAccount(undefined);
    chmodSync(folder, 0o711);
    mkdirSync(home);
    await initialise(embeddedPostgresPaths(home), account, binaries);
    expect(readFileSync(join(home, 'postgres', 'PG_VERSION'), 'utf8').trim()).toBe(binaries.major);
  });

  it('adopts one that a killed server left, and two that start at once share one', async () => {
    const [first, same] = await Promise.all([start({ fresh: true }), start({ fresh: true })]);
    expect(same.pid).toBe(first.pid);
    await Promise.all([first.leave(), same.leave()]);
    const [second, third] = await Promise.all([start(), start()]);
    expect([second.adopted, third.adopted, second.pid, third.pid]).toEqual([true, true, first.pid, first.pid]);
    expect(second.url).toBe(first.url);
    await second.stop();
    const [fourth, fifth] = await Promise.all([start(), start()]);
    expect(fourth.pid).toBe(fifth.pid);
    expect([fourth.adopted, fifth.adopted].sort()).toEqual([false, true]);
  });

  it('starts again when it is killed under a server, on the same address, with the pool going on', async () => {
    const restarted: number[] = [];
    const postgres = await start({ onRestart: (pid) => restarted.push(pid) });
    const pool = new pg.Pool({ connectionString: postgres.url, max: 2 });
    pool.on('error', () => undefined);
    await pool.query('CREATE TABLE kept AS SELECT 7 AS n');
    const killed = postgres.pid;
    process.kill(killed, 'SIGKILL');
    await until(() => restarted.length > 0);
    expect((await pool.query<{ n: number }>('SELECT n FROM kept')).rows[0]?.n).toBe(7);
    expect(postgres.pid).not.toBe(killed);
    await pool.end();
  });

  it('ends the backends that a killed postmaster left at their work, and starts in spite of its pid file', async () => {
    const first = await start();
    await first.leave();
    const busy = new pg.Client({ connectionString: first.url });
    busy.on('error', () => undefined);
    await busy.connect();
    // Deep in computing, a backend does not notice that its postmaster is gone.
    const work = busy.query('SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b').catch(() => undefined);
    const working = "SELECT count(*)::int FROM pg_stat_activity WHERE query LIKE '%100000) b' AND state = 'active' AND pid <> pg_backend_pid()";
    await until(async () => (await query(first.url, working)) === 1);
    process.kill(first.pid, 'SIGKILL');
    await until(() => !processesOf(join(home, 'postgres')).some(({ pid }) => pid === first.pid));
    expect(processesOf(join(home, 'postgres')).length).toBeGreaterThan(0);
    const second = await start();
    expect(second.adopted).toBe(false);
    expect(await query(second.url, 'SELECT 1')).toBe(1);
    await work;
    await busy.end().catch(() => undefined);
  });

  it('starts although the pid file of a killed one names a living stranger, or a zombie', async () => {
    const first = await start();
    await first.leave();
    process.kill(first.pid, 'SIGKILL');
    await until(() => processesOf(join(home, 'postgres')).length === 0);
    const file = join(home, 'postgres', 'postmaster.pid');
    const lines = readFileSync(file, 'utf8').split('\n');
    const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
    writeFileSync(file, [stranger.pid, ...lines.slice(1)].join('\n'));
    const second = await start();
    expect(second.adopted).toBe(false);
    expect(stranger.exitCode).toBeNull();
    await second.leave();
    stranger.kill('SIGKILL');

    process.kill(second.pid, 'SIGKILL');
    await until(() => processesOf(join(home, 'postgres')).length === 0);
    // A shell that never waits for its child: the child stays a zombie.
    const parent: ChildProcess = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const zombie = Number(await new Promise<string>((resolve) => parent.stdout!.once('data', (data: Buffer) => resolve(data.toString()))));
    await until(() => /^State:\s+Z/m.test(readFileSync(`/proc/${zombie}/status`, 'utf8')));
    writeFileSync(file, [zombie, ...lines.slice(1)].join('\n'));
    const third = await start();
    expect(await query(third.url, 'SELECT 1')).toBe(1);
    parent.kill('SIGKILL');
  });

  it('works where the path of the home is too long for a socket, and has spaces, commas and quotes in it', async () => {
    home = join(folder, 'a, "long" name é '.repeat(8), 'home');
    const postgres = await start();
    expect(await query(postgres.url, 'SELECT 1')).toBe(1);
    expect(new URL(postgres.url).searchParams.get('host')!.startsWith(home)).toBe(false);
    await postgres.leave();
    const second = await start();
    expect(second.adopted).toBe(true);
    await second.stop();
    expect(leftovers()).toEqual([]);
    home = join(folder, 'it is, "quoted"');
    expect(await query((await start()).url, 'SELECT 1')).toBe(1);
  });

  it('takes no half-made data folder for whole', async () => {
    mkdirSync(join(home, 'postgres.new-999999'), { recursive: true });
    writeFileSync(join(home, 'postgres.new-999999', 'PG_VERSION'), '18\n');
    const postgres = await start({ fresh: true });
    expect(await query(postgres.url, 'SELECT 1')).toBe(1);
    expect(readdirSync(home).filter((name) => name.startsWith('postgres.new'))).toEqual([]);
  });

  it('says in one line why it does not start, and leaves nothing running', async () => {
    const postgres = await start();
    await postgres.stop();
    await expect(start({ settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
      expect.objectContaining({
        code: 'FAILED_PRECONDITION',
        message: expect.stringMatching(/^the embedded PostgreSQL did not start: .*shared_buffers.*plenty.*postgres\.log\)$/) as string,
      }) as DomainError,
    );
    expect(processesOf(join(home, 'postgres'))).toEqual([]);
    expect(leftovers()).toEqual([]);
    writeFileSync(join(home, 'postgres', 'PG_VERSION'), '12\n');
    await expect(start()).rejects.toThrow(/data in .* belong to PostgreSQL 12, but this Pilothouse has PostgreSQL 18/);
    writeFileSync(join(home, 'postgres', 'PG_VERSION'), '18\n');
  });

  it('reports a home that is full', async (context) => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      return context.skip('no file system can be mounted here');
    }
    try {
      home = join(disk, 'home');
      await expect(start({ fresh: true })).rejects.toThrow(/could not make its data folder in .*No space left on device/);
      expect(readdirSync(home).filter((name) => name.startsWith('postgres'))).toEqual([]);
    } finally {
      rmSync(home, { recursive: true, force: true });
      execFileSync('umount', [disk]);
    }
  });
});

describe.runIf(root)('the embedded PostgreSQL for root', () => {
  it("runs below a folder that only root can enter, in a user namespace, with files that are root's", async () => {
    chmodSync(folder, 0o700);
    const postgres = await start({ fresh: true });
    expect(await query(postgres.url, 'SELECT 1')).toBe(1);
    expect(statSync(join(home, 'postgres', 'PG_VERSION')).uid).toBe(0);
    expect(/^Uid:\s+0\b/m.test(readFileSync(`/proc/${postgres.pid}/status`, 'utf8'))).toBe(true);
  });

  it('runs under an unused uid where namespaces are refused, below such a folder too, and again when they are not', async () => {
    chmodSync(folder, 0o700);
    const first = await start({ fresh: true, namespaces: false });
    expect(await query(first.url, 'SELECT 1')).toBe(1);
    expect(/^Uid:\s+60800\b/m.test(readFileSync(`/proc/${first.pid}/status`, 'utf8'))).toBe(true);
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n');
    await first.leave();
    expect((await start({ namespaces: false })).adopted).toBe(true);
    await first.stop();
    expect(leftovers()).toEqual([]);
    const second = await start();
    expect(await query(second.url, 'SELECT n FROM kept')).toBe(7);
    await second.stop();
    expect(leftovers()).toEqual([]);
  });

  it('goes on with data that were made in a namespace where those are refused now', async () => {
    const first = await start({ fresh: true });
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n');
    await first.stop();
    const second = await start({ namespaces: false });
    expect(await query(second.url, 'SELECT n FROM kept')).toBe(7);
  });
});

/** Runs `test/support/postgres-once.mjs`, from dist/, as somebody else. */
function once(options: { uid?: number; wrapper?: string[] } = {}): Promise<string> {
  const [file, ...args] = [...(options.wrapper ?? []), process.execPath, join(PROJECT_ROOT, 'test', 'support', 'postgres-once.mjs'), home];
  return new Promise((resolve) => {
    execFile(file!, args, { ...(options.uid ? { uid: options.uid, gid: options.uid } : {}), cwd: '/' }, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
}

/** A Node that somebody has in a folder of their own is no use to others. */
const sharedNode = root && canRun({ kind: 'other', uid: 65_534, gid: 65_534 }, process.execPath);

describe.runIf(sharedNode)('the embedded PostgreSQL for other users', () => {
  it.each([
    ['an ordinary user', 65_534],
    ['a user whom the system has no name for', 54_321],
  ])('runs as %s', async (_name, uid) => {
    mkdirSync(home, { mode: 0o700 });
    chownSync(home, uid, uid);
    chmodSync(folder, 0o755);
    expect(await once({ uid })).toBe('answer 42\n');
    expect(statSync(join(home, 'postgres')).uid).toBe(uid);
    // Root goes on with what belongs to somebody, as that one.
    expect(await once()).toBe('answer 42\n');
    expect(statSync(join(home, 'postgres', 'PG_VERSION')).uid).toBe(uid);
    expect(await once({ uid })).toBe('answer 42\n');
  });

  it('says so when an ordinary user may not write to the home', async () => {
    chmodSync(folder, 0o755);
    expect(await once({ uid: 65_534 })).toMatch(/EACCES: permission denied, mkdir/);
  });

  it('runs as root where the kernel refuses user namespaces', async (context) => {
    // Inside a namespace that holds all users, where root is root and may make no further namespace.
    // (Only what is executed after the users were mapped has root's rights there.)
    const refuse = 'echo 0 >/proc/sys/user/max_user_namespaces && ! unshare --user true 2>/dev/null && exec "$@" 1>&2';
    const inside = ['unshare', '--user', 'sh', '-c', 'echo $$; read -r mapped; exec sh -c "$@"', 'sh', refuse, 'sh'];
    const [file, ...args] = [...inside, process.execPath, join(PROJECT_ROOT, 'test', 'support', 'postgres-once.mjs'), home];
    const child = spawn(file!, args, { cwd: '/' });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
    const pid = Number(
      await new Promise<string>((resolve) => {
        child.stdout.once('data', (data: Buffer) => resolve(data.toString()));
        child.on('close', () => resolve(''));
      }),
    );
    if (!pid) return context.skip('no user namespace to be had');
    for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${pid}/${map}`, '0 0 65536');
    chmodSync(folder, 0o700);
    child.stdin.write('\n');
    await ended;
    expect(output).toBe('answer 42\n');
    expect(statSync(join(home, 'postgres')).uid).toBe(60_800);
  });
});
