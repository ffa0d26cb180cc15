/** A peer as a system under test: its packages from PyPI in a virtual environment of its own, its server in a process. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { checkAnswer } from '../load/load.mjs';
import { freePort, onEnd, processTree, startProcess, until } from '../support/processes.mjs';
import { cacheFolder } from '../support/settings.mjs';

const SERVERS = join(import.meta.dirname, '..', 'peers');
const INSTALL_MS = 600_000;
const START_MS = 90_000;

/** Runs a command to its end. @throws Error with what it said last */
async function complete(command, args, log, timeoutMs) {
  const program = startProcess(command, args, { log });
  const limit = setTimeout(program.stop, timeoutMs);
  const code = await program.exited;
  clearTimeout(limit);
  await program.stop();
  if (code !== 0)
    throw new Error(`${command.split('/').at(-1)} ${args.slice(0, 3).join(' ')} ended with ${code instanceof Error ? code.message : code}: ${program.tail()}`);
}

/** Installs what is not there yet; a changed list of packages gives a new environment. @returns its folder */
export async function installPeer({ name, environment = name, packages, python = 'python3' }, { logs, say }) {
  const edition = createHash('sha256')
    .update(`${python} ${packages.join(' ')}`)
    .digest('hex')
    .slice(0, 8);
  const folder = join(cacheFolder(), `${environment}-${edition}`);
  const marker = join(folder, 'installed');
  if (existsSync(marker)) return folder;
  say(`${name}: installing ${packages.join(' ')}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const log = join(logs, `${environment}-install.log`);
  await complete(python, ['-m', 'venv', folder], log, INSTALL_MS);
  await complete(join(folder, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages], log, INSTALL_MS);
  writeFileSync(marker, packages.join('\n'));
  return folder;
}

/** Starts it and waits until it answers `load` rightly. @throws Error with the reason and the end of its log */
export async function startPeer(peer, load, bench) {
  const { logs, models, expected } = bench;
  const folder = await installPeer(peer, bench);
  const ports = [await freePort(), await freePort(), await freePort()];
  const scratch = mkdtempSync(join(tmpdir(), `bench-${peer.name}-`));
  const clear = onEnd(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  const env = {
    BENCH_PORT: String(ports[0]),
    BENCH_PORT_2: String(ports[1]),
    BENCH_PORT_3: String(ports[2]),
    BENCH_MODELS: JSON.stringify({ 'mlp-4-16-3': models['mlp-4-16-3'], digits: models.digits }),
    BENCH_WORKERS: '2',
    BENCH_BATCH: '64',
    BENCH_SCRATCH: scratch,
    BENTOML_HOME: scratch,
    BENTOML_DO_NOT_TRACK: 'True',
    RAY_USAGE_STATS_ENABLED: '0',
    OMP_NUM_THREADS: '1',
    // Bytecode of the servers must not be written into the repository.
    PYTHONDONTWRITEBYTECODE: '1',
    VIRTUAL_ENV: folder,
    PATH: [join(folder, 'bin'), process.env.PATH].join(delimiter),
    ...peer.env,
  };
  const [command, ...args] = (peer.command ?? ['python', join(SERVERS, peer.file)]).map((word) => word.replace(/^\$(\w+)$/, (_, name) => env[name]));
  const program = startProcess(join(folder, 'bin', command), args, { env, cwd: SERVERS, log: join(logs, `${peer.name}.log`) });
  const system = {
    name: peer.title,
    url: ({ model }) => `http://127.0.0.1:${ports[0]}/v2/models/${model}/infer`,
    headers: {},
    processes: () => {
      const all = processTree(program.pid);
      return { all, serving: all };
    },
    stop: async () => {
      await program.stop();
      clear();
    },
  };
  let last;
  const answers = () =>
    checkAnswer(system, load, expected).then(
      () => true,
      (error) => ((last = error), false),
    );
  try {
    await until(answers, `${peer.title} did not start`, { failure: program.failure, timeoutMs: START_MS, everyMs: 300 });
  } catch (error) {
    await system.stop();
    throw new Error(`${error.message}; its last answer: ${last?.message ?? 'none'}; its log: ${program.tail()}`, { cause: error });
  }
  return system;
}
