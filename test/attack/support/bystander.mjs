/**
 * A process of its own that calls the program with a token, as an ordinary client does: inferences over kept and over new connections,
 * GraphQL queries, /readyz. The parent names the phase that is measured, and asks for the times at the end.
 */
import { Agent, request } from 'node:http';
import { INFERENCE } from './program.mjs';

const PATIENCE_MS = 30_000;
const PAUSE_MS = 20;
const { control, gateway, authorization } = JSON.parse(process.argv[2]);
const kept = new Agent({ keepAlive: true });
const json = { authorization, 'content-type': 'application/json' };

const CALLS = {
  inference: [
    { url: `${gateway}/v2/models/digits/infer`, body: INFERENCE, headers: json, agent: kept },
    { url: `${gateway}/v2/models/digits/infer`, body: INFERENCE, headers: json, agent: false },
  ],
  control: [
    { url: `${control}/graphql`, body: '{"query":"{ viewer { actor } }"}', headers: json, agent: kept },
    { url: `${control}/graphql`, body: '{"query":"{ viewer { actor } }"}', headers: json, agent: false },
    { url: `${control}/readyz`, headers: {}, agent: false },
  ],
};

/** By phase and kind. */
const seen = {};
let phase = 'quiet';
let ending = false;

function call({ url, body, headers, agent }) {
  return new Promise((resolve) => {
    const sent = request(url, { method: body ? 'POST' : 'GET', agent, headers, timeout: PATIENCE_MS }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode === 200 ? undefined : `status ${response.statusCode}`));
      response.on('error', (error) => resolve(error.message));
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)));
    sent.on('error', (error) => resolve(error.code ?? error.message));
    sent.end(body);
  });
}

async function callOn(kind, target) {
  let during;
  // An attack may be over before the next call begins: each caller still calls once in its phase.
  while (!ending || during !== phase) {
    during = phase;
    const started = performance.now();
    const failure = await call(target);
    const bucket = ((seen[during] ??= {})[kind] ??= { times: [], failures: {} });
    bucket.times.push(performance.now() - started);
    if (failure) {
      const what = `${target.url.replace(/^http:\/\/[^/]*/, '')}${target.agent ? ' (kept)' : ''}: ${failure}`;
      bucket.failures[what] = (bucket.failures[what] ?? 0) + 1;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

const callers = Object.entries(CALLS).flatMap(([kind, targets]) => targets.map((target) => callOn(kind, target)));
process.on('message', (next) => {
  if (next !== 'end') return void (phase = next);
  ending = true;
  // Calls under way belong to the phase too, however long they take.
  void Promise.all(callers).then(() => process.send(seen, () => process.exit()));
});
process.on('disconnect', () => process.exit());
process.send('ready');
