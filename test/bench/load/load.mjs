/** One load run against one system: a check of the answer, a warm-up, then the run with its CPU time and memory. */
import { request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { join } from 'node:path';
import { cpuSeconds, residentBytes } from '../support/processes.mjs';
import { round } from '../support/statistics.mjs';
import { expectAnswer } from '../support/workloads.mjs';
import { output } from './output.mjs';
import { runWrk, wrkVersion } from './wrk.mjs';

export const generatorName = wrkVersion ?? 'own closed loop';

const runGenerator = async ({ body, ...settings }) =>
  JSON.parse(
    await output(process.execPath, [join(import.meta.dirname, 'generator.mjs')], {
      seconds: settings.seconds,
      input: JSON.stringify({ ...settings, body: Buffer.from(body).toString('base64') }),
    }),
  );

/** Sends a request once. @returns {{ status: number, headers: object, bytes: Buffer }} */
export async function sendOnce({ url, headers, body }) {
  const response = await new Promise((resolve, reject) => {
    request(url, { method: 'POST', agent: false, headers: { ...headers, 'Content-Length': body.length } }, resolve)
      .once('error', reject)
      .setTimeout(20_000, function () {
        this.destroy(new Error('no answer within 20 s'));
      })
      .end(body);
  });
  return { status: response.statusCode, headers: response.headers, bytes: await buffer(response) };
}

/** What a system is sent for a workload: its address, the workload's headers and body, and the system's own headers. */
export const targetOf = (system, load) => ({ url: system.url(load), headers: { ...load.headers, ...system.headers }, body: load.body });

/** @throws Error when the system does not answer, or not what onnxruntime computes */
export async function checkAnswer(system, load, expected) {
  const { status, headers, bytes } = await sendOnce(targetOf(system, load));
  if (status !== 200) throw new Error(`${system.name} answered ${load.id} with ${status}: ${bytes.toString('utf8', 0, 200)}`);
  expectAnswer(load, expected[load.model], headers, bytes);
}

/** Throughput and latency of a closed loop. @param {{ connections: number, seconds: number, warmupSeconds: number }} how */
export async function closedLoop(system, load, { connections, seconds, warmupSeconds }) {
  const target = { ...targetOf(system, load), connections };
  const run = wrkVersion ? runWrk : runGenerator;
  if (warmupSeconds > 0) await runGenerator({ ...target, seconds: warmupSeconds });
  return measured(system, () => run({ ...target, seconds }));
}

/** Latency at a fixed rate of arrival, from when each request was due. @param {{ rate: number, seconds: number, connections?: number }} how */
export const openLoop = (system, load, { rate, seconds, connections = 128 }) =>
  measured(system, () => runGenerator({ ...targetOf(system, load), connections, seconds, rate }));

async function measured(system, run) {
  const before = system.processes();
  const used = cpuSeconds(before.all);
  const result = await run();
  const cpu = cpuSeconds(before.all) - used;
  return {
    requests: result.requests,
    errors: result.errors,
    perSecond: round(result.perSecond, 1),
    p50Ms: round(result.p50Ms, 3),
    p99Ms: round(result.p99Ms, 3),
    maxMs: round(result.maxMs, 1),
    cpuSecondsPer1000: result.requests > 0 ? round((cpu / result.requests) * 1_000, 3) : null,
    memoryMb: round(residentBytes(before.serving) / 2 ** 20, 0),
  };
}
