import { afterEach, expect, test, vi } from 'vitest';
import { TextProcess } from '../../../server/gateway/protocols/text-process.js';
import { callAt } from '../../support/gateway.js';

let texts: TextProcess;
afterEach(() => {
  texts.close();
  vi.useRealTimers();
});

const read = (body: string) => texts.read('open-inference', { headerLength: undefined }, Buffer.from(body), callAt(0));
const small = JSON.stringify({ id: 'a', inputs: [{ name: 'x', datatype: 'FP32', shape: [2], data: [1, 2.5] }] });

test('a text that takes too long is refused, and the next is read', async () => {
  // Time is passed in: the second text has as much as it needs on a machine that is busy.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  texts = new TextProcess(1_500);
  const slow = read(`[${'{},'.repeat(10_000_000)}1]`);
  const next = read(small);
  vi.advanceTimersByTime(1_500);
  await expect(slow).rejects.toThrow('the text of the request takes more than 1.5 s; use binary tensor data, or gRPC');
  expect(await next).toMatchObject({ request: { id: 'a', inputs: [{ data: Float32Array.of(1, 2.5) }] }, form: { id: 'a', binaryOutputs: false } });
});

test('as many as may wait', async () => {
  texts = new TextProcess();
  const results = await Promise.allSettled(Array.from({ length: 70 }, () => read(small)));
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused.map(({ reason }: PromiseRejectedResult) => (reason as { kind: string }).kind)).toEqual(Array(5).fill('OVERLOADED'));
});
