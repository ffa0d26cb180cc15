/** Processes that give way, seen from the kernel: each is a real one with a session of its own. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const module = join(import.meta.dirname, '..', '..', '..', 'dist', 'runtimes', 'host', 'cpu-share.js');
const root = process.getuid?.() === 0;
const usual = getPriority();

/** @param body may call the module's functions, `settled` and `look`, whose findings are answered */
async function inProcess(body: string, { detached = true, before = [] as string[] } = {}): Promise<{ autogroup: number; nice: number }[]> {
  const script = `
    import { readFileSync } from 'node:fs';
    import { getPriority } from 'node:os';
    import { giveWay, runInBackground, standBehind } from ${JSON.stringify(module)};
    const seen = [];
    const autogroup = () => Number(readFileSync('/proc/self/autogroup', 'utf8').split(' ').at(-1));
    const look = () => seen.push({ autogroup: autogroup(), nice: getPriority() });
    // Others than root may change one session of the whole machine every 100 ms, and whoever else does so now may be first.
    const settled = async (wanted) => {
      for (const end = performance.now() + 10_000; autogroup() !== wanted && performance.now() < end;) await new Promise((next) => setTimeout(next, 20));
      look();
    };
    ${body}
    console.log(JSON.stringify(seen));`;
  const command = [...before, process.execPath, '--input-type=module', '-e', script];
  const [file, ...args] = detached ? ['setsid', '-w', ...command] : command;
  const { stdout } = await promisify(execFile)(file!, args);
  return JSON.parse(stdout) as { autogroup: number; nice: number }[];
}

describe.skipIf(!existsSync('/proc/self/autogroup'))('where the kernel groups sessions', () => {
  test('one in the background stays there', async () => {
    expect(await inProcess('look(); runInBackground(); await settled(10);')).toEqual([
      { autogroup: 0, nice: usual },
      { autogroup: 10, nice: 10 },
    ]);
  });

  test('one that gives way takes its share back', async () => {
    // Others than root cannot take back a nice value.
    expect(await inProcess('const end = giveWay(); await settled(5); end(); await settled(0);')).toEqual([
      { autogroup: 5, nice: root ? 5 : usual },
      { autogroup: 0, nice: root ? 0 : usual },
    ]);
  });

  test.runIf(root && existsSync('/usr/bin/setpriv'))('a root that could not take it back keeps its nice value', async () => {
    // As in most containers.
    const before = ['setpriv', '--bounding-set', '-sys_nice', '--inh-caps', '-sys_nice'];
    expect(await inProcess('const end = giveWay(); await settled(5); end(); await settled(0);', { before })).toEqual([
      { autogroup: 5, nice: usual },
      { autogroup: 0, nice: usual },
    ]);
  });

  test('a session that others are in is left alone', async () => {
    const [before, after] = await inProcess('look(); standBehind(process.pid); look();', { detached: false });
    expect(after).toEqual(before);
    expect(await inProcess('standBehind(process.pid); await settled(5);')).toEqual([{ autogroup: 5, nice: usual }]);
  });
});

test('where there is no such file, and no such process, nothing happens', async () => {
  const { standBehind } = (await import(module)) as typeof import('../../../runtimes/host/cpu-share.js');
  expect(() => standBehind(2 ** 22 + 1)).not.toThrow();
});
