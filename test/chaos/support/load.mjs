/** Callers of the gateway, over HTTP and gRPC, at a fixed rate each. Every request is marked, and every answer compared with the only right one. */
import { importSource } from '../../bench/support/sources.mjs';
import { pick } from '../plan.mjs';
import { markedRequest, serialOf } from './model.mjs';

const PER_SECOND = 15;
/** Requests of one door that may be under way; beyond it none are sent, so that a standstill does not pile them up. */
const MOST_UNDER_WAY = 64;
const PATIENCE_MS = 40_000;

/**
 * @param {{ client: import('@pilothouse/client').PilothouseClient, grpcAddress: string, token: string, random: () => number,
 *   world: import('./world.mjs').World }} options
 */
export async function startLoad({ client, grpcAddress, token, random, world }) {
  const { GrpcClient, inferOverGrpc } = await importSource('test/support/grpc.ts');
  const grpc = new GrpcClient(grpcAddress);
  const metadata = { authorization: `Bearer ${token}` };
  const doors = {
    HTTP: async (name, { shape, a, b }) => {
      const inputs = { a: { data: a, shape }, b: { data: b, shape } };
      const { outputs, version } = await client.infer(name, inputs, { signal: AbortSignal.timeout(PATIENCE_MS) });
      return { y: outputs.y.data, version };
    },
    gRPC: async (name, { shape, a, b }) => {
      const inputs = Object.entries({ a, b }).map(([input, data]) => ({ name: input, datatype: 'FP64', shape, data }));
      const { outputs, version } = await inferOverGrpc(grpc, name, inputs, { metadata, deadlineMs: PATIENCE_MS });
      return { y: outputs[0].data, version };
    },
  };
  const told = { answered: 0, wrong: [], failures: {}, gone: 0, heldBack: 0 };
  const underWay = new Set();
  let mark = 0;

  /** @returns serial number of the version that answered; undefined for a failure */
  async function call(door, name, { counted = true } = {}) {
    const request = markedRequest(++mark);
    const known = world.isServed(name);
    try {
      const { y, version } = await doors[door](name, request);
      const serial = serialOf(request, y);
      const number = world.numberOf(name, serial);
      if (serial === undefined) told.wrong.push(`${door} ${name}: the answer belongs to another request: ${Array.from(y).slice(0, 4)}`);
      else if (number === undefined) told.wrong.push(`${door} ${name}: the answer is that of serial ${serial}, which this deployment never had`);
      else if (String(number) !== String(version)) told.wrong.push(`${door} ${name}: version ${number} answered under the name of version ${version}`);
      told.answered++;
      return serial;
    } catch (error) {
      // It was not there yet, or is no more: no failure.
      if (!known || !world.isServed(name)) told.gone++;
      else if (counted) {
        const kind = `${door} ${kindOf(error)}`;
        told.failures[kind] = (told.failures[kind] ?? 0) + 1;
      }
      return undefined;
    }
  }

  const timers = Object.keys(doors).map((door) => {
    let own = 0;
    return setInterval(() => {
      const names = world.servedNames();
      if (names.length === 0) return;
      if (own >= MOST_UNDER_WAY) return void told.heldBack++;
      own++;
      const request = call(door, pick(random, names)).finally(() => {
        own--;
        underWay.delete(request);
      });
      underWay.add(request);
    }, 1_000 / PER_SECOND);
  });
  return {
    told,
    /** A request whose failure is expected, and not counted; a wrong answer is. */
    probe: (door, name) => call(door, name, { counted: false }),
    stop: async () => {
      timers.forEach(clearInterval);
      await Promise.all(underWay);
      grpc.close();
    },
  };
}

/** A failure without what differs from one to the next. */
function kindOf(error) {
  const code = error.status ?? error.code ?? error.name;
  const text = (error.details ?? error.message)
    .replace(/"[^"]*"/g, '"…"')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '…')
    .replace(/\/\S+/g, '…')
    .replace(/\d+/g, 'N');
  return `${code} ${text}`.slice(0, 110);
}
