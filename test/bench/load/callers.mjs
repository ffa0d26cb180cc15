/**
 * A closed loop of one Node process, through the TypeScript client or through undici alone: settings as JSON on standard input, results as JSON on
 * standard output. With undici, the loop writes the request and parses the answer as JSON, as a caller without the client does.
 */
import { json } from 'node:stream/consumers';
import { Agent, request } from 'undici';
import { importSource } from '../support/sources.mjs';
import { quantile, round } from '../support/statistics.mjs';

const { through, control, gateway, token, model, input, shape, values, connections, seconds, warmupSeconds } = await json(process.stdin);

async function clientCall() {
  const { connect } = await importSource('clients/typescript/src/index.ts');
  const client = connect({ url: control, gatewayUrl: gateway, token });
  const data = Float32Array.from(values);
  return async () => {
    const { outputs } = await client.infer(model, { [input]: { data, shape } });
    if (Object.keys(outputs).length === 0) throw new Error('an answer without outputs');
  };
}

function undiciCall() {
  const dispatcher = new Agent({ connections });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const url = `${gateway}/v2/models/${model}/infer`;
  return async () => {
    const body = JSON.stringify({ inputs: [{ name: input, shape, datatype: 'FP32', data: values }] });
    const { statusCode, body: answer } = await request(url, { method: 'POST', headers, body, dispatcher });
    const { outputs } = JSON.parse(await answer.text());
    if (statusCode !== 200 || outputs.length === 0) throw new Error(`status ${statusCode}`);
  };
}

const call = through === 'client' ? await clientCall() : undiciCall();

/** Calls without a pause on each connection until the time is over. */
async function loop(lastsSeconds) {
  const took = [];
  const end = performance.now() + lastsSeconds * 1_000;
  const one = async () => {
    while (performance.now() < end) {
      const start = performance.now();
      await call();
      took.push(performance.now() - start);
    }
  };
  const begun = performance.now();
  const used = process.cpuUsage();
  await Promise.all(Array.from({ length: connections }, one));
  const { user, system } = process.cpuUsage(used);
  return { perSecond: took.length / ((performance.now() - begun) / 1_000), cpuSecondsPer1000: (user + system) / 1_000 / took.length, took };
}

await loop(warmupSeconds);
const { perSecond, cpuSecondsPer1000, took } = await loop(seconds);
const figures = { perSecond: round(perSecond, 1), p50Ms: round(quantile(took, 0.5), 3), p99Ms: round(quantile(took, 0.99), 3) };
console.log(JSON.stringify({ ...figures, cpuSecondsPer1000: round(cpuSecondsPer1000, 3), requests: took.length }));
process.exit();
