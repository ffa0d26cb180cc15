/**
 * How long a deploy takes to READY, and a warm start to its first served inference, beside what starting Node itself takes on this machine at this
 * moment: the ratios are what to compare.
 */
import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { sendOnce, targetOf } from '../load/load.mjs';
import { median, round } from '../support/statistics.mjs';
import { workload } from '../support/workloads.mjs';
import { connectTo, deployFile, makeHome, startProgram } from '../systems/pilothouse.mjs';

function nodeStartMs() {
  const started = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - started;
}

export async function deploysAndStarts(bench) {
  const { settings, models, logs, say } = bench;
  const count = settings.quick ? 3 : 10;
  const { home, remove } = makeHome();
  let program = await startProgram({ home, logs, log: 'deploys.log' });
  try {
    const client = await connectTo(program);
    const version = await deployFile(client, 'digits', models.digits);
    const [node, deploys, warm] = [[], [], []];
    for (let i = 0; i < count; i++) {
      node.push(nodeStartMs());
      const started = performance.now();
      await client.ready(await client.deploy({ name: `bench-${i}`, targets: [{ versionId: version.id }] }));
      deploys.push(performance.now() - started);
      await client.deleteDeployment(`bench-${i}`);
    }
    await client.close();
    await delay(2_000);
    await program.stop();

    const { http, token } = program;
    const system = { url: ({ model }) => `${http}/v2/models/${model}/infer`, headers: { Authorization: `Bearer ${token}` } };
    const target = targetOf(system, workload('digits', 'json'));
    for (let i = 0; i < (settings.quick ? 1 : 3); i++) {
      const started = performance.now();
      const starting = startProgram({ home, logs, env: { PILOTHOUSE_HTTP_PORT: new URL(http).port }, log: 'warm-start.log' });
      starting.catch(() => undefined);
      for (let served = false; !served && performance.now() - started < 60_000; await delay(5)) {
        served = await sendOnce(target).then(
          ({ status }) => status === 200,
          () => false,
        );
      }
      warm.push(performance.now() - started);
      program = await starting;
      await program.stop();
    }
    const bare = median(node);
    const row = (what, values) => ({
      what,
      medianMs: round(median(values), 0),
      worstMs: round(Math.max(...values), 0),
      ratioToNode: round(median(values) / bare, 1),
    });
    const rows = [row('node -e 0', node), row(`deploy to READY (${deploys.length})`, deploys), row(`warm start to first inference (${warm.length})`, warm)];
    for (const { what, medianMs, ratioToNode } of rows) say(`${what}: ${medianMs} ms, ${ratioToNode}× node -e 0`);
    return rows;
  } finally {
    await program.stop();
    remove();
  }
}
