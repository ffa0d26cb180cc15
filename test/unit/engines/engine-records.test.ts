import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { abandon, readClaim, TOO_LATE } from '../../../server/engines/claim.js';
import { StaleEpochError } from '../../../server/engines/engine.js';
import { EpochFence } from '../../../server/engines/epoch-fence.js';
import { describeExit, type ProcessEnd } from '../../../server/engines/exit-reason.js';
import { hostIdentity } from '../../../server/engines/host-identity.js';
import { boundLog, ReplicaLogs } from '../../../server/engines/replica-log.js';
import { shellText } from '../../../server/engines/shell-text.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pilothouse-records-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('the fence of epochs', () => {
  it('lets the highest epoch pass, for every process of the home', () => {
    const fence = new EpochFence(home);
    expect(fence.highest()).toBe(0);
    fence.pass(0);
    fence.pass(3);
    fence.pass(3);
    expect(() => fence.pass(2)).toThrow(StaleEpochError);
    expect(() => new EpochFence(home).pass(2)).toThrow('this command has epoch 2, but epoch 3 leads now');
    new EpochFence(home).pass(12);
    expect(() => fence.pass(9)).toThrow(StaleEpochError);
    expect(fence.highest()).toBe(12);
  });

  it('counts for one database only', () => {
    new EpochFence(home, 'first').pass(40);
    const other = new EpochFence(home, 'second');
    other.pass(1);
    expect(other.highest()).toBe(1);
  });

  it('takes nothing that is no epoch', () => {
    for (const epoch of [-1, 1.5, NaN]) expect(() => new EpochFence(home).pass(epoch)).toThrow(RangeError);
  });
});

describe('a claim', () => {
  const claimIn = (folder: string) =>
    spawnSync('/bin/sh', ['-c', `${shellText('identify', 'claim')}claim "$1"; echo began`, 'test', folder], { encoding: 'utf8' });

  it('is made by the process, once', () => {
    expect(readClaim(home)).toEqual({ state: 'OPEN' });
    const first = claimIn(home);
    expect(first.stdout).toBe('began\n');
    expect(readClaim(home)).toEqual({ state: 'CLAIMED', shell: expect.objectContaining({ pid: first.pid }) });
    expect(claimIn(home)).toMatchObject({ stdout: '', status: TOO_LATE });
    expect(abandon(home, 'too late')).toBe(false);
  });

  it('is not there for a process that comes after its record was abandoned', () => {
    expect(abandon(home, 'nobody came')).toBe(true);
    expect(abandon(home, 'nobody came again')).toBe(true);
    expect(claimIn(home)).toMatchObject({ stdout: '', status: TOO_LATE });
    expect(readClaim(home)).toMatchObject({ state: 'ABANDONED', reason: 'nobody came' });
  });

  it('that is empty, as a full disk left it once, is none that anybody waits for', () => {
    writeFileSync(join(home, 'claim'), '');
    expect(readClaim(home)).toMatchObject({ state: 'ABANDONED', reason: 'its claim is empty: the disk was full, or the machine went down' });
    expect(claimIn(home)).toMatchObject({ stdout: '', status: TOO_LATE });
  });

  it('is whole or not there: nothing is left of one that the disk did not take', () => {
    // No file may have a byte more, as on a full disk.
    const claimed = spawnSync('/bin/sh', ['-c', `trap '' XFSZ; ulimit -f 0; ${shellText('identify', 'claim')}claim "$1"; echo began`, 'test', home], {
      encoding: 'utf8',
    });
    expect(claimed).toMatchObject({ stdout: '', status: TOO_LATE });
    expect(readdirSync(home)).toEqual([]);
    expect(readClaim(home)).toEqual({ state: 'OPEN' });
  });

  it('is not there for a process whose folder is gone', () => {
    rmSync(home, { recursive: true });
    expect(claimIn(home)).toMatchObject({ stdout: '', status: TOO_LATE });
    expect(abandon(home, 'gone')).toBe(false);
  });
});

describe('the end of a replica', () => {
  const end: ProcessEnd = { shellStatus: 0, message: null, sentSignal: null, kernelOutOfMemory: false, memoryLimitBytes: null, logTail: '' };
  it.each<[string, Partial<ProcessEnd>, string, number | null, string | null]>([
    ['a code', { shellStatus: 3 }, 'exited with code 3', 3, null],
    ['a clean end', { logTail: 'out of memory' }, 'exited with code 0', 0, null],
    ['a signal', { shellStatus: 139 }, 'killed by SIGSEGV', null, 'SIGSEGV'],
    ['an abort', { shellStatus: 134 }, 'killed by SIGABRT', null, 'SIGABRT'],
    ['a code beyond the signals', { shellStatus: 255 }, 'exited with code 255', 255, null],
    ['a signal of the engine', { shellStatus: 143, sentSignal: 'SIGTERM' }, 'ended by the engine with SIGTERM', null, 'SIGTERM'],
    [
      'nothing recorded',
      { shellStatus: null },
      'the process is gone and left no exit code: it was killed together with its shell, or the machine went down',
      null,
      null,
    ],
    ["the runtime's message", { shellStatus: 1, message: 'bad weights' }, 'bad weights', 1, null],
    ['the kernel ending something', { shellStatus: 137, kernelOutOfMemory: true }, 'killed by SIGKILL (the machine ran out of memory)', null, 'SIGKILL'],
    [
      'the kernel ending something else',
      { shellStatus: 137, kernelOutOfMemory: true, sentSignal: 'SIGKILL' },
      'ended by the engine with SIGKILL',
      null,
      'SIGKILL',
    ],
    ['an allocator', { shellStatus: 134, logTail: 'what(): std::bad_alloc' }, 'killed by SIGABRT (out of memory)', null, 'SIGABRT'],
    [
      'an allocator under a limit',
      { shellStatus: 1, message: 'std::bad_alloc', memoryLimitBytes: 1000 },
      'std::bad_alloc (out of memory; its limit is 1000 bytes on top of the idle runtime)',
      1,
      null,
    ],
  ])('is told by %s', (_name, change, reason, exitCode, exitSignal) => {
    expect(describeExit({ ...end, ...change })).toEqual({ reason, exitCode, exitSignal });
  });
});

describe('logs', () => {
  it('are cut while their process goes on writing, and keep their end', () => {
    const logs = new ReplicaLogs(home);
    const path = logs.pathOf('r');
    const process = openSync(path, 'a');
    writeSync(process, `${'x'.repeat(3_000_000)}the end\n`);
    boundLog(path, 1_000_000);
    expect(statSync(path).size).toBe(0);
    writeSync(process, 'and more\n');
    closeSync(process);
    expect(readFileSync(path, 'utf8')).toBe('and more\n');
    expect(logs.tail('r', 18)).toBe('xthe end\nand more\n');
    expect(statSync(`${path}.1`).size).toBeLessThan(1_100_000);
  });

  it('never are longer than asked for, whatever bytes they hold', () => {
    const logs = new ReplicaLogs(home);
    appendFileSync(logs.pathOf('r'), Buffer.from([0xff, 0xfe, 0x41, 0x80, 0x80, 0x42]));
    for (const max of [0, 1, 3, 6]) expect(Buffer.byteLength(logs.tail('r', max))).toBeLessThanOrEqual(max);
  });

  it('are shown without the colours of a terminal, also where the cut goes through one', () => {
    const logs = new ReplicaLogs(home);
    const yellow = '\x1b[0;93m';
    writeFileSync(logs.pathOf('r'), `first\n${yellow}[W:onnxruntime] grün\x1b[m\n`);
    expect(logs.tail('r', 1_000)).toBe('first\n[W:onnxruntime] grün\n');
    const after = Buffer.byteLength('[W:onnxruntime] grün\x1b[m\n');
    for (let cut = 0; cut <= yellow.length; cut++) expect(logs.tail('r', after + cut)).toBe('[W:onnxruntime] grün\n');
    expect(logs.tail('r', after - 1)).toBe('W:onnxruntime] grün\n');
    // A log that was cut down in the middle of one.
    writeFileSync(`${logs.pathOf('r')}.1`, 'old \x1b[0;');
    writeFileSync(logs.pathOf('r'), '93mnew');
    expect([logs.tail('r', 100), logs.tail('r', 6)]).toEqual(['old new', 'new']);
  });

  it('of replicas that are gone are kept, up to a number', () => {
    const logs = new ReplicaLogs(home);
    for (let i = 0; i < 105; i++) {
      writeFileSync(logs.pathOf(`r${i}`), '');
      utimesSync(logs.pathOf(`r${i}`), 1_000 + i, 1_000 + i);
    }
    logs.prune(new Set(['r0']));
    expect(existsSync(logs.pathOf('r0'))).toBe(true);
    expect(readdirSync(logs.folder)).toHaveLength(101);
    expect(existsSync(logs.pathOf('r4'))).toBe(false);
    expect(existsSync(logs.pathOf('r5'))).toBe(true);
  });
});

describe('the identity of the host', () => {
  it('is the same for every way to write the home', () => {
    mkdirSync(join(home, 'a'));
    expect(hostIdentity(join(home, 'a', '..', 'a'))).toEqual(hostIdentity(join(home, 'a')));
    expect(hostIdentity(join(home, 'a')).host).not.toBe('');
    expect(hostIdentity(join(home, 'b')).home).not.toBe(hostIdentity(join(home, 'a')).home);
  });
});
