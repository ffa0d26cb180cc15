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
async function refused(status: number, error: string): Promise<unknown> {
  answer = { status, body: JSON.stringify({ error }) };
  return service.infer({ model: 'm', inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }], outputs: null }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

test.each([
  [400, 'INVALID', ['inputs'], 'input "x" is unknown; the model takes "y"'],
  [400, 'INVALID', [], 'the body is not JSON'],
  [404, 'NOT_FOUND', ['deployment'], 'model "m" is unknown: no deployment of that name is routed'],
  [413, 'LIMIT_EXCEEDED', ['inputs'], 'the body is larger than 64 MiB'],
  [429, 'UNAVAILABLE', [], '1 requests wait already in this gateway process; the deployment has a limit of 1 for each'],
  [400, 'INVALID', ['inputs'], 'the model cannot compute this request: index 7 of 3'],
  [500, 'FAILED_PRECONDITION', [], "the model's runtime failed: division by zero"],
  [500, 'FAILED_PRECONDITION', [], "the replica's answer is malformed: no list of tensors"],
  [502, 'FAILED_PRECONDITION', [], 'the replica died while it worked on this request'],
  [503, 'UNAVAILABLE', [], 'model "m" has no version to serve at present'],
  [504, 'DEADLINE_EXCEEDED', [], 'the deadline of 100 ms passed'],
  [401, 'UNAVAILABLE', [], 'the bearer token is unknown or was revoked'],
])('%i is %s on %j: %s', async (status, code, field, message) => {
  const error = await refused(status, message);
  expect(error).toBeInstanceOf(DomainError);
  expect(error).toMatchObject({ code, field, message });
});

test("a fault of the gateway's own is none that the caller can act on", async () => {
  const error = await refused(500, "an internal error; the gateway's log has it under request abc");
  expect(error).not.toBeInstanceOf(DomainError);
  expect(error).toMatchObject({ message: expect.stringContaining('under request abc') });
});
