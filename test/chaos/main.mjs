/**
 * `npm run chaos`: a program of its own is killed in parts, again and again, while it serves and is changed. Linux, by /proc; after `npm run build`.
 *
 *   npm run chaos -- --seed 7 --rounds 20   the kills and changes follow from the seed; 200 kills unless told otherwise
 *   npm run chaos -- --gateways 2           with several gateway workers
 *   npm run chaos -- --json FILE            the figures as JSON, which is printed too
 *   npm run chaos -- --keep                 keeps the home and the servers' output, and says where
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { endEverything } from '../bench/support/processes.mjs';
import { runCampaign } from './campaign.mjs';
import { tables } from './support/report.mjs';

const text = (value) => ({ type: 'string', default: value });
const { values } = parseArgs({
  options: { seed: text('1'), rounds: text('200'), gateways: text('1'), json: { type: 'string' }, keep: { type: 'boolean', default: false } },
});
const numbers = Object.fromEntries(['seed', 'rounds', 'gateways'].map((name) => [name, Number(values[name])]));
for (const [name, value] of Object.entries(numbers)) {
  if (Number.isInteger(value) && value > 0) continue;
  console.log(`--${name} ${values[name]}: it must be a whole number of at least 1`);
  process.exit(2);
}
// The first Ctrl-C ends the campaign after its round, with its figures; another one ends everything at once.
let enough = false;
process.once('SIGINT', () => {
  enough = true;
  process.once('SIGINT', endAtOnce);
});
process.once('SIGTERM', endAtOnce);

let result;
try {
  result = await runCampaign({ ...numbers, keep: values.keep, say: console.log, enough: () => enough });
} catch (error) {
  result = { broken: [error.stack] };
}
await endEverything();
if (result.counts) console.log(`\n${tables(result)}\n`);
console.log(JSON.stringify(result));
if (values.json) writeFileSync(values.json, `${JSON.stringify(result, undefined, 2)}\n`);
for (const broken of result.broken) console.log(`BROKEN ${broken}`);
process.exit(result.broken.length === 0 ? 0 : 1);

function endAtOnce() {
  void endEverything().finally(() => process.exit(1));
}
