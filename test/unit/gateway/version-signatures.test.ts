/** Requests without names or datatypes, to versions that differ in both: each is read by the signature of the version that gets it. */
import { expect, test } from 'vitest';
import type { Reply } from '../../../runtimes/open-inference/connection.js';
import type { EncodedMessage } from '../../../runtimes/open-inference/message.js';
import type { Datatype } from '../../../runtimes/tensor.js';
import { DataPlane } from '../../../server/gateway/dispatch/data-plane.js';
import { HeldBytes } from '../../../server/gateway/held-bytes.js';
import { Meter } from '../../../server/gateway/metering/meter.js';
import type { CallContext, Protocol } from '../../../server/gateway/dispatch/call.js';
import type { HttpAnswer, HttpProtocol } from '../../../server/gateway/http/http-route.js';
import { mlflowRest } from '../../../server/gateway/protocols/mlflow-rest.js';
import { tensorFlowServingRest } from '../../../server/gateway/protocols/tensorflow-serving-rest.js';
import type { TextProcess } from '../../../server/gateway/text/text-process.js';
import { textProtocol } from '../../../server/gateway/text/text-protocols.js';
import { TextInferences } from '../../../server/gateway/protocols/text-inferences.js';
import { BodyCodec } from '../../../server/gateway/text/body-codec.js';
import type { TargetRoute } from '../../../server/routing/route-document.js';
import { Router } from '../../../server/gateway/dispatch/router.js';
import type { Sent } from '../../../server/gateway/replicas/transport.js';
import { FakeLink } from '../../support/fake-link.js';
import { routeOf, targetOf } from '../../support/routes.js';

/** Answers with the datatype and the name of its input. */
class NamingLink extends FakeLink {
  override send(message: EncodedMessage, reply: Reply): Sent {
    const sent = super.send(message, reply);
    const { name, datatype } = this.sent.at(-1)!.request.inputs[0]!;
    queueMicrotask(() => this.end(0, { outputs: [{ name: 'y', datatype: 'BYTES', shape: [1], data: [Buffer.from(`${datatype} ${name}`)] }] }));
    return sent;
  }
}

const version = (number: number, name: string, datatype: Datatype, more: Partial<TargetRoute> = {}): TargetRoute =>
  targetOf([], {
    versionId: `v${number}`,
    versionNumber: number,
    signature: { inputs: [{ name, datatype, shape: [-1, 4] }], outputs: [{ name: 'y', datatype: 'BYTES', shape: [-1] }] },
    replicas: [{ replicaId: `r${number}`, address: '' }],
    ...more,
  });
const OLD = version(1, 'p', 'FP32');
const NEW = version(2, 'q', 'FP64');

/** @param reading awaited by the reading of every long text */
function world(targets: readonly TargetRoute[], reading: () => Promise<void> = () => Promise.resolve()) {
  const links = new Map<string, NamingLink>();
  const linkTo = ({ replicaId }: { replicaId: string }) => links.get(replicaId) ?? links.set(replicaId, new NamingLink(replicaId)).get(replicaId)!;
  const router = new Router({ held: new HeldBytes(), meter: new Meter(), now: () => 0, linkTo });
  const deployment = routeOf(targets, { name: 'sig', deploymentId: 'd', maxConcurrency: 100 });
  router.apply([deployment]);
  const plane = new DataPlane({ router, now: () => 0, serverVersion: '0' });
  const process = {
    read: async (name: 'mlflow', context: never, body: Buffer) => {
      await reading();
      return textProtocol(name).read(body, context);
    },
  } as unknown as TextProcess;
  const inferences = new TextInferences(plane, new BodyCodec({ long: process, longest: process }));
  const post = async (protocol: HttpProtocol, path: string, body: string, type = 'application/json'): Promise<string> => {
    const { answer, protocol: named } = protocol.route(path.split('/'))! as { answer: (...given: unknown[]) => Promise<HttpAnswer>; protocol: Protocol };
    const context: CallContext = { requestId: 'r', protocol: named, caller: '', headers: { 'content-type': type }, requestBytes: 0 };
    const call = plane.call(context);
    return answer(call, Buffer.from(body)).then(
      ({ body: text }) => {
        call.end();
        return text.toString();
      },
      (error: Error) => error.message,
    );
  };
  return {
    predict: (body: string, path = 'v1/models/sig:predict') => post(tensorFlowServingRest(plane, inferences), path, body),
    invoke: (body: string, type?: string) => post(mlflowRest(plane, inferences, undefined), 'deployments/sig/invocations', body, type),
    /** Requests for the version wait. */
    stop: (number: number) => void (linkTo({ replicaId: `r${number}` }).usable = false),
    swap: (next: readonly TargetRoute[]) => router.apply([{ ...deployment, targets: next }]),
    statistics: () => plane.statistics('sig').map(({ success, fail }) => [success.count, fail.count]),
  };
}

const BODIES = { rows: '{"instances":[[1,2,3,4]]}', columns: '{"inputs":[[1,2,3,4]]}', csv: 'a,b,c,d\n1,2,3,4\n' };

test('half of them to either version', async () => {
  const { predict, invoke, statistics } = world([OLD, NEW]);
  const send = [() => predict(BODIES.rows), () => predict(BODIES.columns), () => invoke(BODIES.rows), () => invoke(BODIES.csv, 'text/csv')];
  for (const each of send) {
    const answers = [await each(), await each()];
    expect(answers.map((text) => /FP\d\d [pq]/.exec(text)?.[0] ?? text).sort()).toEqual(['FP32 p', 'FP64 q']);
  }
  expect(statistics()).toEqual([
    [4, 0],
    [4, 0],
  ]);
  expect(await predict(BODIES.rows, 'v1/models/sig/versions/2:predict')).toContain('FP64 q');
});

const long = `{"instances":[[1,2,3,4]],${' '.repeat(70_000)}"signature_name":""}`;

test('long texts too, which are read elsewhere', async () => {
  const { predict } = world([OLD, NEW]);
  expect([await predict(long), await predict(long)].sort()).toEqual(['{"predictions":["FP32 p"]}', '{"predictions":["FP64 q"]}']);
});

test('a long text is read again where its version is gone meanwhile, and not where another came beside it', async () => {
  let during: (() => void)[] = [];
  let readings = 0;
  const { predict, swap } = world([OLD], () => {
    readings++;
    during.shift()?.();
    return Promise.resolve();
  });
  during = [() => swap([OLD, { ...NEW, weight: 100 }]), () => swap([NEW])];
  expect([await predict(long), readings]).toEqual(['{"predictions":["FP32 p"]}', 1]);
  swap([OLD]);
  expect([await predict(long), readings]).toEqual(['{"predictions":["FP64 q"]}', 3]);
  during = [() => swap([])];
  expect(await predict(long)).toBe('model "sig" has no version that gets traffic');
});

test('one that waits is read again for the version that takes the place of its own', async () => {
  const { predict, invoke, stop, swap, statistics } = world([OLD]);
  stop(1);
  const waiting = [predict(BODIES.rows), predict(BODIES.columns), invoke(BODIES.csv, 'text/csv')];
  swap([NEW]);
  expect((await Promise.all(waiting)).map((text) => /FP\d\d [pq]/.exec(text)?.[0] ?? text)).toEqual(['FP64 q', 'FP64 q', 'FP64 q']);
  expect(statistics()).toEqual([[3, 0]]);
});

test('a long text that waits goes on where its reading is right, and is to be sent again elsewhere', async () => {
  const { predict, stop, swap } = world([OLD]);
  stop(1);
  const waits = async (next: TargetRoute): Promise<string> => {
    swap([OLD]);
    const answer = predict(long);
    // It has been read, and waits.
    await new Promise(setImmediate);
    swap([next]);
    return answer;
  };
  const { signature } = OLD;
  const alike = version(3, 'p', 'FP32', { signature: { inputs: signature.inputs, outputs: [{ name: 'y', datatype: 'BYTES', shape: [-1, -1] }] } });
  expect(await waits(alike)).toBe('{"predictions":["FP32 p"]}');
  expect(await waits(NEW)).toBe('version 2 replaced version 1 after the request was read, and has other inputs; send the request again');
});

test("a shadow's copy is read by the shadow's signature", async () => {
  const { predict, statistics } = world([OLD, version(2, 'q', 'FP64', { weight: 0, shadowPercent: 100 })]);
  expect(await predict(BODIES.rows)).toBe('{"predictions":["FP32 p"]}');
  // What is read elsewhere is read once.
  expect(await predict(long)).toBe('{"predictions":["FP32 p"]}');
  await new Promise(setImmediate);
  expect(statistics()).toEqual([
    [2, 0],
    [1, 0],
  ]);
});
