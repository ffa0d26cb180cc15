/** The server may open nothing more (EMFILE) while replicas serve: inference goes on, and no replica is forgotten. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../bench/support/processes.mjs';
import { INFERENCE, startProgram } from '../support/program.mjs';

export const name = 'no-descriptors';
export const point = 3;

/** How soon inference must work again when it has stopped: it was minutes. */
const RECOVERY_MS = 180_000;

export async function run({ short, root }) {
  const program = await startProgram({ root });
  const facts = { descriptors: 0, during: undefined, after: undefined, replicasBefore: 0, replicasKept: 0, backAfterMs: 0 };
  const broken = [];
  try {
    await until(async () => (await readyReplicas(program))?.length >= 1 && settled(program), 'the sample models', { timeoutMs: 180_000, everyMs: 250 });
    const before = await readyReplicas(program);
    facts.replicasBefore = before.length;
    const limits = limitsOf(program.pid);
    facts.descriptors = readdirSync(`/proc/${program.pid}/fd`).length;
    // As many as it has open: whatever it opens from now on fails.
    prlimit(program.pid, `3:${limits.hard}`);
    const end = performance.now();
    try {
      facts.during = await inferFor(program, short ? 8_000 : 60_000);
    } finally {
      prlimit(program.pid, `${limits.soft}:${limits.hard}`);
    }
    const restored = performance.now();
    await until(() => infer(program), 'an inference', { timeoutMs: RECOVERY_MS, everyMs: 20 });
    facts.backAfterMs = facts.during.failed === 0 ? 0 : Math.round(performance.now() - restored);
    facts.after = await inferFor(program, short ? 5_000 : 20_000);
    const after = (await readyReplicas(program)) ?? [];
    facts.replicasKept = before.filter((replica) => after.includes(replica)).length;
    facts.attackMs = Math.round(restored - end);
    for (const [when, { count, failed }] of Object.entries({ during: facts.during, after: facts.after }))
      if (failed > 0) broken.push(`${failed} of ${count} inferences failed (${when})`);
    if (facts.replicasKept < before.length) broken.push(`${before.length - facts.replicasKept} of ${before.length} living replicas were forgotten`);
    if (program.failure()) broken.push(`the server: ${program.failure()}`);
    return { facts, broken };
  } finally {
    await program.stop();
  }
}

function limitsOf(pid) {
  const [, soft, hard] = /^Max open files +(\S+) +(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'));
  return { soft, hard };
}

const prlimit = (pid, limits) => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limits}`]);

async function inferFor(program, ms) {
  const counts = { count: 0, failed: 0 };
  for (const end = performance.now() + ms; performance.now() < end; await delay(20)) {
    counts.count++;
    if (!(await infer(program))) counts.failed++;
  }
  return counts;
}

const infer = ({ gateway, authorization }) =>
  fetch(`${gateway}/v2/models/digits/infer`, { method: 'POST', headers: { authorization }, body: INFERENCE }).then(
    async (response) => (await response.arrayBuffer(), response.ok),
    () => false,
  );

async function deployments({ control, authorization }) {
  const query = '{ deployments(first: 50) { nodes { phase replicas(first: 100) { nodes { id state pid } } } } }';
  const response = await fetch(`${control}/graphql`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
    signal: AbortSignal.timeout(10_000),
  });
  return (await response.json()).data.deployments.nodes;
}

/** `id pid` of each; undefined when it cannot be asked. */
const readyReplicas = (program) =>
  deployments(program).then(
    (nodes) => nodes.flatMap(({ replicas }) => replicas.nodes.flatMap(({ id, state, pid }) => (state === 'READY' ? [`${id} ${pid}`] : []))),
    () => undefined,
  );

const settled = (program) =>
  deployments(program).then(
    (nodes) => nodes.length > 1 && nodes.every(({ phase }) => phase === 'READY'),
    () => false,
  );
