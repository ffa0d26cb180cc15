/** The `infer` mutation as a workload: over Pilothouse's control plane, and over bare Apollo. */
import { join } from 'node:path';
import { freePort, startProcess, until } from '../support/processes.mjs';

const QUERY = `mutation ($input: InferInput!) { infer(input: $input) { outputs { name shape datatype data } versionNumber userErrors { code message field } } }`;

/** The same row as the workload's JSON, in GraphQL's envelope. */
export function asMutation(load) {
  const { inputs } = JSON.parse(load.body.toString('utf8'));
  const variables = { input: { deployment: { name: load.model }, inputs } };
  return {
    ...load,
    id: `GraphQL infer, ${load.model}`,
    headers: { 'Content-Type': 'application/json' },
    body: Buffer.from(JSON.stringify({ query: QUERY, variables })),
  };
}

/** The same Pilothouse, reached through its control plane. */
export const throughControlPlane = (system) => ({ ...system, name: 'Pilothouse GraphQL', url: () => `${system.program.control}/graphql` });

export async function startApollo({ models, logs }) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/graphql`;
  const program = startProcess(process.execPath, [join(import.meta.dirname, 'apollo-server.mjs')], {
    env: { BENCH_PORT: String(port), BENCH_MODELS: JSON.stringify({ 'mlp-4-16-3': models['mlp-4-16-3'] }), NODE_ENV: 'production' },
    log: join(logs, 'apollo.log'),
  });
  await until(
    () =>
      fetch(url).then(
        () => true,
        () => false,
      ),
    'bare Apollo',
    { failure: program.failure },
  );
  return { name: 'bare Apollo', url: () => url, headers: {}, processes: () => ({ all: [program.pid], serving: [program.pid] }), stop: program.stop };
}
