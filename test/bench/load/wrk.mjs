/** Closed loop by `wrk`, where the system has it: in C, and far from being the bottleneck. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output } from './output.mjs';

const found = spawnSync('wrk', ['--version'], { encoding: 'utf8' });
/** Its first line; undefined where there is none. */
export const wrkVersion = found.error ? undefined : /wrk \S+/.exec(found.stdout + found.stderr)?.[0];

/** Wants percentiles as numbers, and a body that may hold any byte: both need a script. */
const script = (headers, bodyFile) => `
local file = io.open(${JSON.stringify(bodyFile)}, "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
${Object.entries(headers)
  .map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`)
  .join('\n')}
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{"requests":%d,"seconds":%f,"refused":%d,"errors":%d,"p50Ms":%f,"p99Ms":%f,"maxMs":%f}\\n', summary.requests, summary.duration / 1e6, e.status,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
`;

export async function runWrk({ url, headers, body, connections, seconds }) {
  const folder = mkdtempSync(join(tmpdir(), 'pilothouse-wrk-'));
  try {
    writeFileSync(join(folder, 'body'), body);
    writeFileSync(join(folder, 'load.lua'), script(headers, join(folder, 'body')));
    const duration = `${Math.max(1, Math.round(seconds))}s`;
    const printed = await output('wrk', ['-t1', `-c${connections}`, `-d${duration}`, '--timeout', '10s', '-s', join(folder, 'load.lua'), url], { seconds });
    const { requests, refused, ...rest } = JSON.parse(printed.trim().split('\n').at(-1));
    // wrk counts an answer with a status above 399 as a request and as an error.
    return { ...rest, requests: requests - refused, perSecond: (requests - refused) / rest.seconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
