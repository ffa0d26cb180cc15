import type { ChildProcess } from 'node:child_process';
import { afterEach, expect, test, vi } from 'vitest';
import { TEXT_RESTART_MS } from '../../../server/gateway/limits.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { TextProcess } from '../../../server/gateway/text/text-process.js';
import { callAt } from '../../support/routes.js';

let texts: TextProcess;
const { execPath } = process;
afterEach(() => {
  texts.close();
  vi.useRealTimers();
  process.execPath = execPath;
});

const read = (body: string, deadline = 60_000, call = callAt(0)) =>
  texts.read('open-inference', { headerLength: undefined }, Buffer.from(body), call, deadline);
const small = JSON.stringify({ id: 'a', inputs: [{ name: 'x', datatype: 'FP32', shape: [2], data: [1, 2.5] }] });
const isRead = { request: { id: 'a', inputs: [{ data: Float32Array.of(1, 2.5) }] }, form: { id: 'a', binaryOutputs: false } };
const atZero = () => 0;

/** A process that has worked and stands still: what it is given stays with it. */
async function stopped(): Promise<ChildProcess> {
  await read(small);
  const { child } = texts as unknown as { child: ChildProcess };
  child.kill('SIGSTOP');
  return child;
}

test('a text that takes too long is refused, and the next is read', async () => {
  // Time is passed in: the second text has as much as it needs on a machine that is busy.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  texts = new TextProcess(new HeldBytes(), 1_500, atZero);
  await stopped();
  const slow = read(small);
  const next = read(small);
  vi.advanceTimersByTime(1_500);
  await expect(slow).rejects.toThrow('the text of the request takes more than 1.5 s; use binary tensor data, or gRPC');
  expect(await next).toMatchObject(isRead);
});

test('as many as may wait', async () => {
  texts = new TextProcess(new HeldBytes(), undefined, atZero);
  const results = await Promise.allSettled(Array.from({ length: 70 }, () => read(small)));
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused.map(({ reason }: PromiseRejectedResult) => (reason as { kind: string }).kind)).toEqual(Array(5).fill('OVERLOADED'));
});

test('deadlines hold for who waits and for what is worked on, in both directions, and the next is read', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  texts = new TextProcess(new HeldBytes(), undefined, atZero);
  await stopped();
  const current = read(small, 2_000);
  const waiting = read(small, 1_000, callAt(-500));
  const outputs = [{ name: 'y', datatype: 'FP32' as const, shape: [1], data: Float32Array.of(1) }];
  const written = texts.write('open-inference', outputs, { forms: undefined, binaryOutputs: false }, { model: 'm', version: 1 }, callAt(0), 1_500);
  const last = read(small);
  const late = (message: string) => ({ kind: 'DEADLINE_EXCEEDED', message });
  vi.advanceTimersByTime(1_000);
  await expect(waiting).rejects.toMatchObject(late('the deadline of 1500 ms passed while the text of the request waited to be read'));
  vi.advanceTimersByTime(500);
  await expect(written).rejects.toMatchObject(late('the deadline of 1500 ms passed while the answer waited to be written as text'));
  vi.advanceTimersByTime(500);
  await expect(current).rejects.toMatchObject(late('the deadline of 2000 ms passed while the text of the request was read'));
  // The process may have been about to end it, and does not.
  vi.advanceTimersByTime(TEXT_RESTART_MS);
  expect(await last).toMatchObject(isRead);
  await expect(read(small, 0)).rejects.toMatchObject(late('the deadline of 0 ms passed while the text of the request waited to be read'));
});

test('a process that is done soon with what nobody waits for any more is not given up', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  texts = new TextProcess(new HeldBytes(), undefined, atZero);
  const child = await stopped();
  const late = read(small, 1_000);
  const next = read(small);
  vi.advanceTimersByTime(1_000);
  await expect(late).rejects.toMatchObject({ kind: 'DEADLINE_EXCEEDED' });
  child.kill('SIGCONT');
  expect(await next).toMatchObject(isRead);
  expect((texts as unknown as { child: ChildProcess }).child).toBe(child);
});

test('callers take turns', async () => {
  texts = new TextProcess(new HeldBytes(), undefined, atZero);
  const child = await stopped();
  const order: string[] = [];
  const from = (caller: string, name: string) => {
    const call = callAt(0);
    Object.assign(call.context, { caller });
    return read(small, 60_000, call).then(() => order.push(name));
  };
  const all = [from('a', 'a1'), from('a', 'a2'), from('a', 'a3'), from('b', 'b1')];
  child.kill('SIGCONT');
  await Promise.all(all);
  expect(order).toEqual(['a1', 'a2', 'b1', 'a3']);
});

test('who left before, leaves meanwhile, or is done, is nothing to it', async () => {
  texts = new TextProcess(new HeldBytes(), undefined, atZero);
  const before = callAt(0);
  before.cancel();
  await expect(read(small, 60_000, before)).rejects.toMatchObject({ kind: 'CANCELLED' });
  await stopped();
  const [current, waiting] = [callAt(0), callAt(0)];
  const [one, two, three] = [read(small, 60_000, current), read(small, 60_000, waiting), read(small)];
  waiting.cancel();
  await expect(two).rejects.toMatchObject({ kind: 'CANCELLED' });
  current.cancel();
  await expect(one).rejects.toMatchObject({ kind: 'CANCELLED' });
  expect(await three).toMatchObject(isRead);
});

test('a process that is killed before it has begun with a text is not that text’s doing: another reads it', async () => {
  texts = new TextProcess(new HeldBytes(), undefined, atZero);
  const child = await stopped();
  const innocent = read(small);
  child.kill('SIGKILL');
  expect(await innocent).toMatchObject(isRead);
});

test('where no process starts, that is nobody’s mistake', async () => {
  texts = new TextProcess(new HeldBytes(), undefined, atZero);
  process.execPath = '/nowhere/node';
  await expect(read(small)).rejects.toMatchObject({
    kind: 'UNAVAILABLE',
    retryAfterSeconds: 1,
    message: 'cannot start the process that reads and writes long texts (spawn /nowhere/node ENOENT); use binary tensor data, or gRPC',
  });
  process.execPath = execPath;
  expect(await read(small)).toMatchObject(isRead);
});
