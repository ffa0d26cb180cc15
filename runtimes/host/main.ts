/**
 * The replica process: `main.js <path of spec.json>` hosts one model and answers on its Unix socket.
 *
 * It listens before it loads, so that it can be asked how far it is, and is READY only after a real inference. It ends with
 * 0 when it has drained (DRAIN, SIGTERM, SIGHUP, SIGINT), with 1 when the model could not be loaded, and
 * by a SIGKILL of its own when the runtime broke later: it trapped, did not answer its sample any more, or threw an uncaught error. The
 * reason is then on stderr and in `outcome.json` beside the spec. It does not end because its server has: a server that comes back adopts it, and
 * `pilothouse stop` ends what a killed server left.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { giveWay } from './cpu-share.js';
import { OUTCOME_FILE, readHostSpec, type HostOutcome } from './host-spec.js';
import { warmModel } from './model-session.js';
import { messageOf, reasonOf } from './error-message.js';
import { ReplicaServer } from './replica-server.js';

/** Long enough for a probe that has just connected to hear the reason. */
const FAILED_LINGER_MS = 250;

const specPath = process.argv[2];
if (specPath === undefined) {
  console.error('usage: main.js <path of spec.json>');
  process.exit(2);
}

process.title = 'pilothouse-replica';
const serveAsUsual = giveWay();
const abort = new AbortController();
let ready = false;

try {
  const spec = readHostSpec(specPath);
  const server = new ReplicaServer(spec, {
    onDrain: () => {
      log('draining');
      abort.abort(new Error('the replica was told to drain'));
      // A load that cannot be interrupted holds nothing that anybody waits for.
      void leave(server);
    },
    onBroken: (reason) => void breakOff(server, reason),
  });
  // An unhandled rejection comes here too.
  process.on('uncaughtException', (error) => {
    console.error(error);
    const reason = `an uncaught error: ${reasonOf(error)}`;
    if (ready) server.breakDown(reason);
    else void failWith(server, reason);
  });
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.on(signal, () => server.startDraining());
  await server.listen();
  log(`replica ${spec.replicaId} of ${spec.versionDigest} listens, loading ${spec.format} with ${spec.runtime}`);
  // Peers that are connected already get their answers before a load that may hold this thread for long.
  await setImmediate();
  try {
    // Beside the spec, where a file of an older server names none.
    const scratch = spec.scratch ?? join(dirname(specPath), 'scratch');
    const warm = await warmModel({ ...spec, backend: spec.backend ?? null, scratch }, abort.signal, log);
    ready = true;
    serveAsUsual();
    server.ready(warm);
    log(`ready: ${warm.model.backend}, loaded in ${Math.round(warm.loadMs)} ms`);
  } catch (error) {
    if (!abort.signal.aborted) await failWith(server, reasonOf(error));
  }
} catch (error) {
  await fail(messageOf(error));
}

async function failWith(server: ReplicaServer, reason: string): Promise<void> {
  server.failed(reason);
  await fail(reason);
}

async function fail(reason: string): Promise<void> {
  leaveReason(reason);
  await setTimeout(FAILED_LINGER_MS);
  process.exit(1);
}

/** Not by `process.exit`: that waits for a native library's threads, and runs what a broken one wants to do at the end. */
async function breakOff(server: ReplicaServer, reason: string): Promise<void> {
  leaveReason(reason);
  await server.lastWords();
  process.kill(process.pid, 'SIGKILL');
}

function leaveReason(reason: string): void {
  console.error(reason);
  const path = join(dirname(specPath!), OUTCOME_FILE);
  const outcome: HostOutcome = { reason };
  try {
    writeFileSync(`${path}.new`, JSON.stringify(outcome));
    renameSync(`${path}.new`, path);
  } catch (cause) {
    console.error(`${path}: ${messageOf(cause)}`);
  }
}

async function leave(server: ReplicaServer): Promise<void> {
  await server.drained();
  log(ready ? 'drained' : 'ended before it was ready');
  process.exit(0);
}

function log(line: string): void {
  console.error(`${new Date().toISOString()} ${line}`);
}
