/** What a replica answers, over its socket, for a model that is made up. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WarmModel } from '../../../runtimes/host/model-session.js';
import { ReplicaServer } from '../../../runtimes/host/replica-server.js';
import { ReplicaConnection } from '../../../runtimes/open-inference/connection.js';
import { MAX_ANSWER_BYTES } from '../../../runtimes/open-inference/frame.js';
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import type { Tensor } from '../../../runtimes/tensor.js';

const folder = mkdtempSync(join(tmpdir(), 'ph-answers-'));
let server: ReplicaServer;
let connection: ReplicaConnection;

beforeEach(async () => {
  const socketPath = join(folder, 's');
  const spec = { replicaId: 'r', versionDigest: 'd', runtime: 'test', format: 'test', folder, files: [], sample: null, threads: 1, maxConcurrency: 1 };
  server = new ReplicaServer({ ...spec, socketPath, runtimes: [], epoch: 0 }, { onDrain: () => undefined, onBroken: () => undefined });
  await server.listen();
  // Gives as many elements as it is asked for. What nobody writes takes no memory.
  const model = {
    signature: { inputs: [{ name: 'n', datatype: 'INT32', shape: [1] }], outputs: [{ name: 'y', datatype: 'UINT8', shape: [-1] }] },
    infer: ([n]: readonly Tensor[]) => {
      const count = Number(n!.data[0]);
      return Promise.resolve([{ name: 'y', datatype: 'UINT8', shape: [count], data: new Uint8Array(count) }]);
    },
  };
  server.ready({ model, loadMs: 0, inputs: [], outputs: [] } as unknown as WarmModel);
  connection = await ReplicaConnection.connect(`unix:${socketPath}`, { timeoutMs: 20_000, maxFrameBytes: MAX_ANSWER_BYTES });
});
afterEach(async () => {
  connection.close();
  await server.drained();
  rmSync(folder, { recursive: true, force: true });
});

const bytes = (count: number): InferRequest => ({ inputs: [{ name: 'n', datatype: 'INT32', shape: [1], data: Int32Array.of(count) }] });

test('an answer that is too long for a frame is refused by itself: the connection and what else is on it go on', async () => {
  const tooLong = connection.infer(bytes(MAX_ANSWER_BYTES));
  const beside = connection.infer(bytes(3));
  await expect(tooLong).rejects.toMatchObject({
    code: 'INVALID',
    executed: true,
    message: expect.stringMatching(/^the outputs take 5368\d{5} bytes; an answer may have 536870912: ask for fewer rows or fewer outputs$/) as string,
  });
  expect((await beside).outputs[0]!.data).toEqual(new Uint8Array(3));
});
