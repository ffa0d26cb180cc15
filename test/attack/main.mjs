/**
 * `npm run attack`: every attack of `attacks/`, each on a program of its own, over loopback, one after the other.
 *
 *   npm run attack                                 all of them in full, one to two minutes each
 *   npm run attack -- websocket-pings              those whose names are given
 *   npm run attack -- --short                      some seconds each, as `npm test` runs them
 *   npm run attack -- --root DIR                   against the build of another checkout
 *   npm run attack -- --json FILE                  the results as JSON too
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { endEverything } from '../bench/support/processes.mjs';
import { table } from './support/table.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean', default: false }, root: { type: 'string' }, json: { type: 'string' } },
});
const folder = join(import.meta.dirname, 'attacks');
const files = readdirSync(folder).filter((file) => file.endsWith('.mjs'));
const attacks = await Promise.all(files.toSorted().map((file) => import(pathToFileURL(join(folder, file)).href)));
const unknown = positionals.filter((name) => !attacks.some((attack) => attack.name === name));
if (unknown.length > 0) {
  console.log(`no attack is called ${unknown.join(', ')}; there are: ${attacks.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => void endEverything().finally(() => process.exit(1)));

const results = [];
for (const { name, point, run } of attacks) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  console.log(`── ${name} (point ${point})`);
  const result = await run({ short: values.short, root: values.root }).catch((error) => ({ broken: [error.stack] }));
  results.push({ name, point, ...result });
  if (result.facts) console.log(JSON.stringify(result.facts));
  for (const broken of result.broken) console.log(`BROKEN ${broken}`);
}
await endEverything();
console.log(`\n${table(results)}\n`);
if (values.json) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
const failed = results.filter(({ broken }) => broken.length > 0).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
