/** What `infer` makes of the gateway's refusals, whichever they are: against a gateway that answers what the test wants. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { InferenceService } from '../../server/deployments/inference.service.js';
import { DomainError } from '../../server/errors.js';

let gateway: Server;
let service: InferenceService;
let answer: { status: number; body: string };
beforeAll(async () => {
  gateway = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body));
  });
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  const { port } = gateway.address() as AddressInfo;
  service = new InferenceService(
    () => ({ host: '127.0.0.1', port }),
    () => undefined,
  );
});
afterAll(async () => {
  service.close();
  await new Promise((resolve) => gateway.close(resolve));
});

/** What `infer` throws when the gateway refuses. */
async function refused(status: number, body: unknown): Promise<unknown> {
  answer = { status, body: typeof body === 'string' ? body : JSON.stringify(body) };
  return service.infer({ model: 'm', inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }], outputs: null }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

test.each<[number, { kind: string; field?: string; tensor?: string }, code: string, field: string[]]>([
  [400, { kind: 'INVALID', field: 'inputs', tensor: 'x' }, 'INVALID', ['inputs']],
  [400, { kind: 'INVALID', field: 'inputs' }, 'INVALID', ['inputs']],
  [400, { kind: 'INVALID', field: 'outputs', tensor: 'y' }, 'INVALID', ['outputs']],
  [400, { kind: 'INVALID', field: 'model' }, 'INVALID', ['deployment']],
  [400, { kind: 'INVALID', field: 'parameters' }, 'INVALID', []],
  [400, { kind: 'INVALID' }, 'INVALID', []],
  [404, { kind: 'NOT_FOUND', field: 'model' }, 'NOT_FOUND', ['deployment']],
  [413, { kind: 'TOO_LARGE' }, 'LIMIT_EXCEEDED', ['inputs']],
  [429, { kind: 'OVERLOADED' }, 'UNAVAILABLE', []],
  [500, { kind: 'RUNTIME_FAILED' }, 'FAILED_PRECONDITION', []],
  [502, { kind: 'REPLICA_LOST' }, 'FAILED_PRECONDITION', []],
  [503, { kind: 'UNAVAILABLE' }, 'UNAVAILABLE', []],
  [504, { kind: 'DEADLINE_EXCEEDED' }, 'DEADLINE_EXCEEDED', []],
  [401, { kind: 'UNAUTHENTICATED' }, 'UNAVAILABLE', []],
  [418, { kind: 'A_KIND_OF_TOMORROW' }, 'UNAVAILABLE', []],
])('%i %j is %s on %j, with the words of the gateway', async (status, told, code, field) => {
  // The words say something else on purpose: nobody reads them.
  const error = await refused(status, { error: 'an internal error: output "z" is unknown', ...told });
  expect(error).toBeInstanceOf(DomainError);
  expect(error).toMatchObject({ code, field, message: 'an internal error: output "z" is unknown' });
});

test.each(['<html>', '{}', 'null', '[]'])('an answer of something else, %j, is UNAVAILABLE', async (body) => {
  expect(await refused(502, body)).toMatchObject({ code: 'UNAVAILABLE', field: [], message: 'the gateway answered with status 502' });
});

test("a fault of the gateway's own is none that the caller can act on", async () => {
  const error = await refused(500, { error: 'internal error; see request abc in the log of the gateway', kind: 'INTERNAL' });
  expect(error).not.toBeInstanceOf(DomainError);
  expect(error).toMatchObject({ message: expect.stringContaining('see request abc') });
});
