/** The bare server as a system under test. */
import { join } from 'node:path';
import { freePort, startProcess, until } from '../support/processes.mjs';

export async function startBare({ models, logs }) {
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const program = startProcess(process.execPath, [join(import.meta.dirname, 'bare-server.mjs')], {
    env: { BENCH_PORT: String(port), BENCH_MODELS: JSON.stringify(models) },
    log: join(logs, 'bare.log'),
  });
  await until(
    () =>
      fetch(base).then(
        () => true,
        () => false,
      ),
    'the bare server',
    { failure: program.failure },
  );
  return {
    name: 'bare node:http',
    url: ({ model }) => `${base}/v2/models/${model}/infer`,
    headers: {},
    processes: () => ({ all: [program.pid], serving: [program.pid] }),
    stop: program.stop,
  };
}
