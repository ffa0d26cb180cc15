/** The command line against a real server: the tour, what is printed for programs, and 30 wrong uses. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PROJECT_ROOT } from '../../server/paths.js';
import { pilothouse, type CommandResult } from '../support/cli.js';
import { startProgram, type RunningProgram } from '../support/program.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 150_000 });

const MODEL = join(PROJECT_ROOT, 'server', 'samples', 'digits', 'digits.onnx');
let server: RunningProgram;

beforeAll(async () => {
  server = await startProgram({ PILOTHOUSE_SAMPLES: 'off' });
  expect(await run('push', 'reader', MODEL, '--param', 'depth=3', '--metric', 'accuracy=0.98', '-m', 'first')).toMatchObject({ code: 0 });
  expect(await run('deploy', 'reader', 'reader:1')).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await server?.stop();
  server?.clean();
});

const run = (...words: string[]): Promise<CommandResult> => pilothouse(server.home, words);
/** The document of a command that must succeed. */
async function json<T = Record<string, unknown>>(...words: string[]): Promise<T> {
  const { code, out, err } = await run(...words, '--json');
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as T;
}

describe('the tour', () => {
  it('finds the server of the home, and says as whom', async () => {
    const { out } = await run('whoami');
    expect(out).toBe(`token:admin at ${server.url} (home ${server.home})\n`);
  });

  it('prints plain text without escape codes when piped', async () => {
    const { out } = await run('status');
    expect(out).toMatch(/state +READY[\s\S]*reader +READY +reader:1 +1/);
    expect(out).not.toContain('\u001b');
  });

  it('keeps what was said at the push', async () => {
    const version = await json<{ lineage: object; number: number; state: string; description: string }>('show', 'reader:1');
    expect(version).toMatchObject({ number: 1, state: 'READY', description: 'first', lineage: { metrics: { accuracy: 0.98 }, hyperparameters: { depth: 3 } } });
    expect((await run('log', 'reader')).out).toMatch(/reader:1 READY[\s\S]*first[\s\S]*accuracy=0.98/);
  });

  it('makes nothing twice when a push is repeated, and a version for another message', async () => {
    const repeated = await run('push', 'reader', MODEL, '--param', 'depth=3', '--metric', 'accuracy=0.98', '-m', 'first');
    expect(repeated.out).toMatch(/^reader:1\n/);
    expect((await run('push', 'reader', MODEL, '-m', 'second')).out).toMatch(/^reader:2\n/);
  });

  it('shows what a deploy would change, deploys, rolls back, and scales', async () => {
    const plan = await json<{ action: string; changes: object[] }>('plan', 'reader', 'reader:2');
    expect(plan).toMatchObject({ action: 'CHANGE', changes: [{ field: 'targets', before: 'reader:1', after: 'reader:2' }] });
    expect((await run('deploy', 'reader', 'reader:2')).out).toMatch(/^reader READY: reader:2, 1 replica, revision 2\n$/);
    expect((await run('rollback', 'reader')).out).toMatch(/^reader READY: reader:1, 1 replica, revision 3\n$/);
    expect((await run('scale', 'reader', '2')).out).toBe('reader READY: 2 replicas\n');
    const history = await json<{ number: number; createdAt: string }[]>('history', 'reader');
    expect(history.map(({ number }) => number)).toEqual([4, 3, 2, 1]);
    expect(await json('history', 'reader', '--at', history[2]!.createdAt)).toMatchObject([{ number: 2 }]);
    expect(await json('history', 'reader', '--at', '2001-01-01')).toEqual([]);
    expect((await run('why', 'reader')).out).toMatch(/2 of 2 replicas are READY/);
  });

  it('lists what matches, and shows logs of a deployment and of a replica', async () => {
    const names = async (...words: string[]): Promise<unknown[]> => (await json<{ name: string }[]>('deployments', ...words)).map(({ name }) => name);
    expect(await names('--name', 'rea', '--phase', 'ready')).toEqual(['reader']);
    expect(await names('--phase', 'failed')).toEqual([]);
    expect(await json('versions', 'reader', '--state', 'rejected')).toEqual([]);
    expect((await json<{ number: number }[]>('versions', 'reader', '--state', 'ready')).map(({ number }) => number)).toEqual([2, 1]);
    const lines = await json<{ replicaId: string; text: string; cursor: string }[]>('logs', 'reader');
    expect(lines.length).toBeGreaterThan(1);
    const { replicaId } = lines.at(-1)!;
    const own = lines.filter((line) => line.replicaId === replicaId);
    expect(await json('logs', replicaId)).toMatchObject(own.map(({ text }) => ({ text })));
    expect((await run('logs', replicaId, '--filter', own[0]!.text.toUpperCase())).out).toContain(`${replicaId.slice(-8)} ${own[0]!.text}\n`);
    expect(await json('logs', 'reader', '--after', lines.at(-1)!.cursor)).toEqual([]);
  });

  it('moves an alias, keeps its history, and takes it wherever a version is named', async () => {
    expect((await run('alias', 'set', 'reader', 'champion', '1', '--if', 'none')).out).toBe('reader@champion is reader:1\n');
    expect((await run('push', 'reader', MODEL, '-m', 'second', '--alias', 'champion')).out).toMatch(/^reader:2\n[\s\S]*\nreader@champion is reader:2\n$/);
    expect(await json('alias', 'log', 'reader', 'champion')).toMatchObject([
      { number: 2, from: { number: 1 }, to: { number: 2 }, actor: 'token:admin', reason: 'second' },
      { number: 1, from: null, to: { number: 1 } },
    ]);
    expect(await json('alias', 'list')).toMatchObject([{ name: 'champion', version: { number: 2 } }]);
    expect(await json('show', 'reader@champion')).toMatchObject({ number: 2, aliases: ['champion'] });
    expect(await json('plan', 'reader', 'reader@champion')).toMatchObject({ changes: [{ field: 'targets', before: 'reader:1', after: 'reader:2' }] });
    const path = join(server.home, 'alias.yaml');
    writeFileSync(path, 'kind: Deployment\nname: reader\ntargets:\n  - version: reader@champion\n');
    expect((await run('apply', '-f', path, '--dry-run')).out).toBe('would update Deployment reader\n    targets: reader:1=100 -> reader:2=100\n');
  });

  it('infers with the sample, with JSON, and with files', async () => {
    expect((await run('infer', 'reader', '--sample')).out).toMatch(/probabilities +FP32 +\[1, 10\]/);
    const row = JSON.stringify([Array.from({ length: 64 }, (_, i) => i % 16)]);
    const path = join(server.home, 'row.csv');
    writeFileSync(path, `${(JSON.parse(row) as number[][])[0]!.join(',')}\n`);
    const direct = await json<{ outputs: { name: string }[] }>('infer', 'reader', '--input', `pixels=${row}`);
    expect(direct.outputs.map(({ name }) => name)).toContain('probabilities');
    expect(await json('infer', 'reader', '--input', `@${path}`)).toEqual(direct);
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 64), }".padEnd(117) + '\n';
    const npy = Buffer.concat([
      Buffer.from('\u0093NUMPY\u0001\u0000', 'latin1'),
      Buffer.from([118, 0]),
      Buffer.from(header),
      Buffer.from(Float32Array.from((JSON.parse(row) as number[][])[0]!).buffer),
    ]);
    writeFileSync(join(server.home, 'row.npy'), npy);
    expect(await json('infer', 'reader', '--input', `pixels=@${join(server.home, 'row.npy')}`)).toEqual(direct);
  });

  it('makes, runs and deletes a monitor', async () => {
    await run('monitor', 'create', 'reader', 'slow', '--kind', 'latency', '--cron', '0 0 1 1 *', '--above', '200', '--alert', 'critical');
    expect(await json('monitors', 'reader')).toMatchObject([
      { name: 'slow', metric: 'LATENCY', alertRules: { nodes: [{ severity: 'CRITICAL', threshold: 200 }] } },
    ]);
    expect(await json('monitor', 'run', 'reader', 'slow')).toHaveProperty('state');
    expect((await run('monitor', 'delete', 'reader', 'slow')).code).toBe(0);
    expect(await json('alerts')).toEqual([]);
  });

  it('makes a token, logs in with it, and revokes it', async () => {
    const { secret } = await json<{ secret: string }>('token', 'create', 'bot');
    const env = { XDG_CONFIG_HOME: join(server.home, 'other') };
    const login = await pilothouse(server.home, ['login', server.url, '--name', 'here'], { input: `${secret}\n`, env });
    expect(login.out).toBe(`logged in to ${server.url} as token:bot\n`);
    expect(statSync(join(env.XDG_CONFIG_HOME, 'pilothouse', 'contexts.json')).mode & 0o777).toBe(0o600);
    expect((await pilothouse(server.home, ['whoami'], { env })).out).toBe(`token:bot at ${server.url} (context here)\n`);
    expect((await run('token', 'revoke', 'bot')).code).toBe(0);
    expect((await pilothouse(server.home, ['whoami'], { env })).code).toBe(4);
    expect((await pilothouse(server.home, ['logout'], { env })).code).toBe(0);
    expect((await json<{ action: string }[]>('audit', '--limit', '5')).map(({ action }) => action)).toContain('revokeToken');
  });

  it('applies files: a dry run, the change field by field, and nothing the second time', async () => {
    const folder = join(server.home, 'files');
    mkdirSync(folder);
    const deployment = 'kind: Deployment\nname: reader\ntimeoutMs: 20000\n';
    writeFileSync(
      join(folder, 'reader.yaml'),
      `${deployment}---\nkind: Monitor\ndeployment: reader\nname: slow\ncron: 0 0 1 1 *\nmetric: LATENCY\nquantile: 0.9\n`,
    );
    const dry = await run('apply', '-f', folder, '--dry-run');
    expect(dry).toMatchObject({ code: 0, err: 'dry run: nothing was changed\n' });
    expect(dry.out).toMatch(/^would update Deployment reader\n {4}timeoutMs: 30000 -> 20000\nwould create Monitor reader\/slow\n {4}cron: "0 0 1 1 \*"\n/);
    expect(await json('monitors', 'reader')).toEqual([]);
    expect((await run('apply', '-f', folder)).out).toBe(dry.out.replaceAll('would update', 'updated').replaceAll('would create', 'created'));
    expect(await json('apply', '-f', folder)).toEqual([]);
    writeFileSync(join(folder, 'reader.yaml'), deployment);
    expect((await run('apply', '-f', folder)).out).toBe('nothing to change\n');
    expect((await run('apply', '-f', folder, '--prune')).out).toBe('deleted Monitor reader/slow\n');
    const all = join(server.home, 'all.yaml');
    expect((await run('export-config', '-o', all)).code).toBe(0);
    expect(readFileSync(all, 'utf8')).toContain('kind: Deployment\nproject: default\nname: reader\n');
    expect(await json('apply', '-f', all, '--prune')).toEqual([]);
    const piped = await pilothouse(server.home, ['apply', '-f', '-', '--json'], {
      input: readFileSync(all, 'utf8').replace('timeoutMs: 20000', 'timeoutMs: 10000'),
    });
    expect(JSON.parse(piped.out)).toMatchObject([{ kind: 'Deployment', name: 'reader', action: 'UPDATE', field: 'timeoutMs', before: 20000, after: 10000 }]);
  });

  it('says in which file and line a document is wrong, and changes nothing', async () => {
    const path = join(server.home, 'wrong.yaml');
    const before = await json('export-config');
    const refusals: [string, number, string][] = [
      ['kind: Deployment\n  name: [', 2, 'wrong.yaml:1: this is not YAML'],
      ['kind: Model\nname: other\n---\nkind: Deployment\nname: reader\nreplica: 2\n', 2, 'wrong.yaml:6 (Deployment "reader"), replica: unknown field'],
      [
        'kind: Model\nname: other\n---\nkind: Deployment\nname: reader\ntargets:\n  - version: reader:99\n',
        3,
        'wrong.yaml:7 (Deployment "reader"), targets.0.version: ',
      ],
      ['kind: Model\nname: a\n---\nkind: Model\nname: a\n', 2, `wrong.yaml:4 (Model "a"): ${path}:1 describes it already`],
      ['# nothing\n', 2, 'wrong.yaml has no documents'],
    ];
    for (const [text, code, message] of refusals) {
      writeFileSync(path, text);
      const result = await run('apply', '-f', path);
      expect(result).toEqual({ code, out: '', err: expect.stringContaining(message) as string });
      expect(result.err).toMatch(/^pilothouse: [^\n]+\n$/);
    }
    expect(await json('export-config')).toEqual(before);
  });

  it('rejects a broken file with the message of the runtime', async () => {
    const path = join(server.home, 'broken.onnx');
    writeFileSync(path, readFileSync(MODEL).subarray(0, 200));
    expect(await run('push', 'broken', path)).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/pilothouse: broken:1 was REJECTED: .+/) });
  });
});

/** Words, exit code, and what the one line says. */
const WRONG: readonly [string, number, RegExp][] = [
  ['deplyo x y', 2, /unknown command 'deplyo' \(Did you mean deploy\?\)/],
  ['deployments --jsn', 2, /unknown option '--jsn' \(Did you mean --json\?\)/],
  ['scale reader 2 --cron x', 2, /unknown option '--cron'/],
  ['show', 2, /missing required argument 'name'/],
  ['show reader reader', 2, /too many arguments/],
  ['show nothing-here', 3, /there is no deployment and no model "nothing-here"/],
  ['show reader:99', 3, /there is no version reader:99/],
  ['show reader:x', 2, /"reader:x" is not a version/],
  ['show reader@nothing', 3, /there is no alias reader@nothing; "pilothouse alias list reader" lists/],
  ['alias set reader champion 99', 3, /model "reader" has no version 99/],
  ['alias set reader Champion 1', 2, /"Champion" is not a valid name/],
  ['alias set reader champion 1 --if 1x', 2, /--if "1x" is not a whole number/],
  ['alias set reader champion 1 --if 7', 6, /expectedVersion is 7, but reader@champion is version 2/],
  ['alias log reader nothing', 3, /has no alias "nothing"/],
  ['push reader package.json --alias a --no-wait', 2, /--alias names a READY version/],
  ['show a/b/c', 2, /"a\/b\/c" is not a name/],
  ['show --model nothing', 3, /there is no model "nothing"/],
  ['versions nothing', 3, /nothing/],
  ['versions reader --state old', 2, /--state "old" is unknown; give one of validating, ready, rejected/],
  ['deployments --phase gone', 2, /--phase "gone" is unknown; give one of pending/],
  ['history reader --at noon', 2, /--at "noon" is not a time; give one such as/],
  ['logs nothing', 3, /project "default" has no deployment "nothing"/],
  ['logs reader --after x', 2, /"x" is not a cursor of logs/],
  ['deploy new nothing', 3, /nothing/],
  ['deploy new nothing:1', 3, /there is no model "nothing" in the project "default"; "pilothouse models" lists/],
  ['deploy new reader:1=x', 2, /the weight in "reader:1=x" "x" is not a whole number/],
  ['deploy new reader:1 reader:2', 2, /several versions need a weight each/],
  ['deploy new reader:1 --replicas many', 2, /--replicas "many" is not a whole number/],
  ['scale reader two', 2, /the number of replicas "two" is not a whole number/],
  ['scale nothing 2', 3, /there is no deployment "nothing"/],
  ['rollback reader --to 99', 3, /no revision 99/],
  ['push reader missing.onnx', 2, /missing.onnx: there is no such file or folder/],
  ['push reader package.json --param depth', 2, /--param "depth" is not of the form key=value/],
  ['push reader package.json --dataset uri=x', 2, /--dataset "uri=x" has no name/],
  ['infer reader', 2, /no input was given/],
  ['infer reader --input pixels=[1', 2, /--input is not JSON/],
  ['infer reader --input other=[1]', 2, /the model has no input "other"; it has pixels/],
  ['infer reader --sample --image x.png', 2, /give --sample or --image, not both/],
  ['infer reader --image pixels=missing.png', 2, /missing.png: there is no such file or folder/],
  ['infer reader --image x.png --image-resize stretch', 2, /--image-resize "stretch" is unknown; give one of nearest, bilinear/],
  ['infer reader --sample --image-resize nearest', 2, /--image-resize needs an --image/],
  ['infer reader --input pixels=[1] --image-divide 255', 2, /--image-divide needs an --image/],
  ['infer reader --sample --input pixels=[1]', 2, /give --sample or --input, not both/],
  ['monitor create reader m --kind speed --cron *', 2, /--kind "speed" is unknown; give one of error_rate, latency/],
  ['monitor run reader nothing', 3, /has no monitor "nothing"/],
  ['token create admin', 6, /admin/],
  ['token revoke nobody', 3, /there is no token "nobody"/],
  ['apply', 2, /required option '-f, --file <path>' not specified/],
  ['apply -f missing.yaml', 2, /missing.yaml: there is no such file or folder/],
  ['export-config --project nothing', 3, /project "nothing" does not exist/],
  ['completion tcsh', 2, /there is no completion for "tcsh"/],
  ['context use nowhere', 3, /there is no context "nowhere"/],
  ['--timeout soon deployments', 2, /--timeout "soon" is not a duration/],
  ['--url ftp://x deployments', 2, /--url "ftp:\/\/x" is not an address/],
  ['--token wrong deployments', 4, /token/i],
  ['--url http://127.0.0.1:1 deployments', 5, /start the server with "pilothouse up"/],
];

describe('wrong uses', () => {
  it.each(WRONG)('%s: exit %i', async (words, code, message) => {
    const result = await run(...words.split(' '));
    expect(result).toEqual({ code, out: '', err: expect.stringMatching(message) as string });
    expect(result.err).toMatch(/^pilothouse: [^\n]+\n$/);
  });

  it('never sends the token of the home to another address', async () => {
    const { createServer } = await import('node:http');
    const seen: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401).end('{"error":{"code":"UNAUTHENTICATED","message":"no token"}}');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    expect((await run('--url', `http://127.0.0.1:${port}`, 'deployments')).code).toBe(4);
    expect(seen.some((header) => header?.includes(server.token))).toBe(false);
    expect(seen).toHaveLength(1);
    await new Promise((resolve) => other.close(resolve));
  });
});
