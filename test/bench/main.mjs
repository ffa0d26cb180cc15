/**
 * `npm run bench`: what Pilothouse does to a machine, as ratios taken in one run. The parts run one after the other, each keeps its own results, and
 * the report is written from all that are there: a part can be run again alone. `npm run bench -- --help` lists the options.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { endEverything } from './support/processes.mjs';
import { HELP, cacheFolder, readSettings } from './support/settings.mjs';
import { machine } from './report/machine.mjs';
import { savePart, writeReport } from './report/report.mjs';
import { Bench } from './bench.mjs';
import { client } from './parts/client.mjs';
import { control } from './parts/control.mjs';
import { gateways } from './parts/gateways.mjs';
import { limit } from './parts/limit.mjs';
import { memory } from './parts/memory.mjs';
import { noise } from './parts/noise.mjs';
import { peers } from './parts/peers.mjs';
import { work } from './parts/work.mjs';

const RUN = { limit, work, gateways, noise, memory, control, client, peers };

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(name, () => {
    console.error(`${name}: ending what was started`);
    void endEverything().finally(() => process.exit(130));
  });
}

// Nothing of anybody's is to call home meanwhile; Pilothouse sees to that itself.
process.env.ORT_DISABLE_TELEMETRY = '1';

async function main() {
  const settings = readSettings(process.argv.slice(2));
  if (settings.help) return console.log(HELP);
  const started = performance.now();
  const say = (line) => console.log(`[${((performance.now() - started) / 1_000).toFixed(0).padStart(4)} s] ${line}`);
  const logs = join(cacheFolder(), 'logs');
  mkdirSync(logs, { recursive: true });
  const about = machine(settings);
  const bench = new Bench({ settings, say, logs });
  if (settings.parts.length > 0) await bench.prepare();
  for (const part of settings.parts) {
    say(`— ${part}`);
    try {
      savePart(settings.out, part, about, await RUN[part](bench), part === 'peers' && settings.peers !== undefined);
    } catch (error) {
      process.exitCode = 1;
      say(`${part} was not measured: ${error.stack}`);
    }
  }
  await bench.stop();
  writeReport(settings.out);
}

await main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
await endEverything();
// A socket that is still closing must not keep the terminal.
process.exit();
