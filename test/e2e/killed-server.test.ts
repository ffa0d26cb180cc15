/** The command line while the server is killed: it says so, goes on when the server is back, and makes nothing twice. */
import { appendFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PROJECT_ROOT } from '../../server/paths.js';
import { pilothouse, type CommandOptions, type CommandResult } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { openDoor, type Door } from '../support/held-answer.js';
import { startProgram, type RunningProgram } from '../support/program.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const MODEL = join(PROJECT_ROOT, 'server', 'samples', 'digits', 'digits.onnx');
let server: RunningProgram;
let door: Door;

beforeAll(async () => {
  server = await startProgram({ PILOTHOUSE_SAMPLES: 'off' });
  door = await openDoor(Number(new URL(server.url).port));
  for (const message of ['first', 'second']) expect(await run('push', 'reader', MODEL, '-m', message)).toMatchObject({ code: 0 });
  expect(await run('deploy', 'reader', 'reader:1')).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await door?.close();
  await server?.stop();
  server?.clean();
});

const run = (...words: string[]): Promise<CommandResult> => pilothouse(server.home, words);
async function json<T>(...words: string[]): Promise<T> {
  const { code, out, err } = await run(...words, '--json');
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as T;
}
const throughDoor = (words: readonly string[], options?: CommandOptions): Promise<CommandResult> =>
  pilothouse(server.home, ['--url', door.url, '--token', server.token, ...words], options);

/** The command, whose request arrives and whose answer is lost because the server is killed. */
async function killedDuring(request: string, words: readonly string[]): Promise<CommandResult> {
  const killed = door.holdAnswerTo(request, () => server.stop('SIGKILL'));
  const command = throughDoor(words);
  await killed;
  server = await server.restart();
  return command;
}

const versions = async (): Promise<number[]> => (await json<{ number: number }[]>('versions', 'reader')).map(({ number }) => number);
const revisions = async (): Promise<number> => (await json<object[]>('history', 'reader')).length;
const AWAY = / cannot be reached \(.+\); waiting until it is back\n/;

describe('a command whose server is killed after its request, before the answer', () => {
  it('push: while a file is sent; it goes on behind the last byte that arrived', async () => {
    const path = join(server.home, 'other.onnx');
    writeFileSync(path, Buffer.alloc(8_000_000, 'not a model'));
    const incoming = join(server.home, 'artifacts', 'incoming');
    const arrived = async (): Promise<number | undefined> => readdirSync(incoming).map((name) => statSync(join(incoming, name)).size)[0];
    const killed = door.cutRequest('PUT /artifacts/', 4_000_000, async () => {
      await eventually(async () => ((await arrived()) ?? 0) > 3_000_000, 'the bytes are written');
      await server.stop('SIGKILL');
    });
    const command = throughDoor(['push', 'other', path]);
    await killed;
    server = await server.restart();
    expect(await command).toMatchObject({ code: 1, err: expect.stringMatching(AWAY) });
    expect(door.uploads.map((head) => Number(/upload-offset: (\d+)/i.exec(head)?.[1] ?? 0) > 3_000_000)).toEqual([false, true]);
    expect(await json('versions', 'other')).toMatchObject([{ number: 1, state: 'REJECTED' }]);
  });

  it('push: while the version is made', async () => {
    const before = await versions();
    const result = await killedDuring('mutation CreateVersion', ['push', 'reader', MODEL, '-m', 'third']);
    expect(result).toMatchObject({ code: 0, err: expect.stringMatching(AWAY) });
    expect(result.out).toMatch(/^reader:3\n/);
    expect(await versions()).toEqual([3, ...before]);
  });

  it.each([
    ['deploy', 'mutation Deploy(', ['deploy', 'reader', 'reader:2'], /^reader READY: reader:2, 1 replica, revision 2\n$/],
    ['rollback', 'mutation Rollback(', ['rollback', 'reader'], /^reader READY: reader:1, 1 replica, revision 3\n$/],
    ['scale', 'mutation Scale(', ['scale', 'reader', '2'], /^reader READY: 2 replicas\n$/],
  ] as const)('%s', async (_, request, words, out) => {
    const before = await revisions();
    const result = await killedDuring(request, words);
    expect(result).toMatchObject({ code: 0, err: expect.stringMatching(AWAY) });
    expect(result.out).toMatch(out);
    expect(await revisions()).toBe(before + 1);
  });

  it('deploy: while it waits', async () => {
    const before = await revisions();
    const result = await killedDuring('Upgrade: websocket', ['deploy', 'reader', 'reader:3']);
    expect(result).toMatchObject({ code: 0, out: expect.stringMatching(/^reader READY: reader:3, 2 replicas/), err: expect.stringMatching(AWAY) });
    expect(await revisions()).toBe(before + 1);
  });

  it('delete', async () => {
    expect((await run('deploy', 'gone', 'reader:1')).code).toBe(0);
    expect(await killedDuring('mutation DeleteDeployment(', ['delete', 'gone'])).toMatchObject({ code: 0, out: 'gone DELETED\n' });
    expect((await run('show', '--json', 'gone')).code).toBe(3);
  });
});

describe('streams', () => {
  it('events -f and logs -f go on behind what they have shown', async () => {
    const { eventCursor } = (await (
      await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
        body: '{"query":"{ eventCursor }"}',
      })
    )
      .json()
      .then((answer: unknown) => (answer as { data: { eventCursor: string } }).data)) as { eventCursor: string };
    const [{ replicaId } = { replicaId: '' }] = await json<{ replicaId: string }[]>('logs', 'reader', '--limit', '1');
    const [log] = readdirSync(join(server.home, 'logs', 'replicas')).filter((name) =>
      Buffer.from(replicaId, 'base64url').toString().includes(name.replace('.log', '')),
    );
    const write = (line: string): void => appendFileSync(join(server.home, 'logs', 'replicas', log!), `${line}\n`);

    const away: string[] = [];
    const follow = (words: string[], last: string): Promise<CommandResult> =>
      throughDoor([...words, '-f', '--json'], {
        printed: (out, err, end) => {
          if (AWAY.test(err)) away.push(words[0]!);
          if (out.includes(last)) end();
        },
      });
    let shown = '';
    const logs = throughDoor(['logs', replicaId, '-f', '--json'], {
      printed: (out, err, end) => {
        shown = out;
        if (AWAY.test(err)) away.push('logs');
        if (out.includes('after the kill')) end();
      },
    });
    const events = follow(['events', 'reader', '--after', eventCursor], '"READY"');
    await vi.waitUntil(() => shown !== '', { timeout: 60_000 });
    write('before the kill');
    await vi.waitUntil(() => shown.includes('before the kill'), { timeout: 60_000 });
    await server.stop('SIGKILL');
    write('during the kill');
    await vi.waitUntil(() => away.includes('logs') && away.includes('events'), { timeout: 60_000 });
    server = await server.restart();
    write('after the kill');
    expect((await run('scale', 'reader', '1')).code).toBe(0);

    const linesOf = <T>(text: string): T[] =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as T);
    const texts = linesOf<{ text: string }>((await logs).out).map(({ text }) => text);
    expect(texts.filter((text) => text.endsWith('the kill'))).toEqual(['before the kill', 'during the kill', 'after the kill']);
    const cursors = linesOf<{ cursor: string }>((await events).out).map(({ cursor }) => cursor);
    const all = (await json<{ cursor: string }[]>('events', 'reader', '--after', eventCursor)).map(({ cursor }) => cursor);
    expect(cursors).toEqual(all.slice(0, cursors.length));
  });
});

describe('a command that does not finish in time', () => {
  it('exits 124 where the server can be reached, and its repetition makes nothing twice', async () => {
    const before = await versions();
    const words = ['push', 'reader', MODEL, '-m', 'fourth'];
    expect(await run(...words, '--timeout', '150ms')).toMatchObject({ code: 124, err: expect.stringMatching(/not finished after 0\.[12] s \(--timeout\)/) });
    expect((await run(...words)).out).toMatch(/^reader:4\n/);
    expect(await versions()).toEqual([4, ...before]);
    expect(await run('events', 'reader', '-f', '--timeout', '1s')).toMatchObject({ code: 124 });
  });

  it('exits 5 where the server cannot be reached, and says what is certain', async () => {
    const before = await revisions();
    const killed = door.holdAnswerTo('Upgrade: websocket', () => server.stop('SIGKILL'));
    const command = throughDoor(['deploy', 'reader', 'reader:4', '--timeout', '8s']);
    await killed;
    expect(await command).toMatchObject({
      code: 5,
      out: '',
      err: expect.stringMatching(/could not be reached within 8 s; revision \d+ of reader was accepted; repeat the command/),
    });
    server = await server.restart();
    expect(await run('deploy', 'reader', 'reader:4')).toMatchObject({ code: 0, out: expect.stringMatching(/^reader READY: reader:4/) });
    expect(await revisions()).toBe(before + 1);
  });
});
