/** What attacks ask of the control plane and of its database. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startProcess, until } from '../../bench/support/processes.mjs';
import { INFERENCE } from './program.mjs';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const MODEL = 'digits';

/** @returns the data of the answer. @throws Error with the answer's errors */
export async function graphql({ control, authorization }, query, variables) {
  const response = await fetch(`${control}/graphql`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(10_000),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

export async function scale(program, replicas) {
  const query = 'mutation ($input: ScaleInput!) { scale(input: $input) { userErrors { message } } }';
  const { scale: answer } = await graphql(program, query, { input: { deployment: { name: MODEL }, replicas } });
  if (answer.userErrors.length > 0) throw new Error(JSON.stringify(answer.userErrors));
}

/** Resolves to the milliseconds until the deployment is READY as it is wanted; null when it is not in time. */
export async function settled(program, timeoutMs) {
  const query = `{ deployment(name: "${MODEL}") { phase generation observedGeneration } }`;
  const began = performance.now();
  while (performance.now() - began < timeoutMs) {
    const { deployment } = await graphql(program, query).catch(() => ({}));
    if (deployment?.phase === 'READY' && deployment.observedGeneration === deployment.generation) return Math.round(performance.now() - began);
    await delay(20);
  }
  return null;
}

/** One inference. Resolves to the status, or to why there is none. */
export const infer = ({ gateway, authorization }, body = INFERENCE) =>
  fetch(`${gateway}/v2/models/${MODEL}/infer`, { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body }).then(
    async (response) => (await response.arrayBuffer(), response.status),
    (error) => error.message,
  );

/** Starts a server in the home of a program whose own has ended. */
export async function startAgain(program, root = ROOT) {
  const server = startProcess(process.execPath, [join(root, 'dist/bundle/server/main.js')], {
    cwd: root,
    env: {
      PILOTHOUSE_HOME: program.home,
      PILOTHOUSE_PORT: '0',
      PILOTHOUSE_HTTP_PORT: '0',
      PILOTHOUSE_GRPC_PORT: '0',
      PILOTHOUSE_GATEWAY_AUTH: 'required',
      DATABASE_URL: '',
    },
    log: join(program.home, 'again.log'),
  });
  let endpoints;
  await until(() => (endpoints = endpointsOf(program.home, server.pid)), 'the next start', { failure: server.failure, timeoutMs: 120_000, everyMs: 20 });
  return { ...program, pid: server.pid, control: endpoints.control, gateway: endpoints.http, server };
}

function endpointsOf(home, pid) {
  try {
    return JSON.parse(readFileSync(join(home, 'run', 'servers', `${pid}.json`), 'utf8')).endpoints;
  } catch {
    return undefined; // not written yet
  }
}

/** The gateway was told it. */
export function databaseUrl(program) {
  const environment = readFileSync(`/proc/${program.pids('gateway')[0]}/environ`, 'utf8').split('\0');
  return environment.find((entry) => entry.startsWith('DATABASE_URL=')).slice('DATABASE_URL='.length);
}

export function quantile(values, q) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];
}
