import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { toClientError } from '../../server/api/format-error.js';
import { boundLog } from '../../server/engines/replica-log.js';
import { droppedLines, GatheringLog, LogSink, type Losses } from '../../server/log-sink.js';
import { eventually } from '../support/eventually.js';

/** While `full`, nothing can be written; `part` bytes of the first try fit. */
const disk = vi.hoisted(() => ({ full: false, part: 0, refused: 0 }));
vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  const refuse = (): never => {
    disk.refused++;
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };
  const broken = {
    ...real,
    writeSync: (fd: number, bytes: Buffer, at: number) => {
      if (!disk.full) return real.writeSync(fd, bytes, at);
      const { part } = disk;
      disk.part = 0;
      return part > 0 ? real.writeSync(fd, bytes, at, part) : refuse();
    },
    writeFileSync: (...args: Parameters<typeof real.writeFileSync>) => (disk.full ? refuse() : real.writeFileSync(...args)),
  };
  return { ...broken, default: broken };
});

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilothouse-sink-'));
  path = join(folder, 'log');
});
afterEach(() => {
  Object.assign(disk, { full: false, part: 0, refused: 0 });
  rmSync(folder, { recursive: true, force: true });
});
const lines = () => readFileSync(path, 'utf8').split('\n').filter(Boolean);

describe('a log on a full disk', () => {
  it('ends nothing, counts what it lost, and says so once, before the next line', () => {
    const base = { process: 'gateway' };
    const before = droppedLines().get('gateway') ?? 0;
    const log = pino({ base }, new LogSink('gateway', path, base, 3_600_000));
    log.info('first');
    disk.full = true;
    for (let i = 0; i < 3; i++) log.info('lost');
    log.fatal('lost too: fatal waits for nothing');
    disk.full = false;
    log.info('second');
    log.info('third');
    expect(lines().map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ msg: 'first' }),
      { level: 40, time: expect.any(Number), process: 'gateway', dropped: 4, code: 'ENOSPC', ms: expect.any(Number), msg: expect.stringContaining('dropped') },
      expect.objectContaining({ msg: 'second' }),
      expect.objectContaining({ msg: 'third' }),
    ]);
    expect(droppedLines().get('gateway')).toBe(before + 4);
  });

  it('says so when space is back, also when nothing more is logged', async () => {
    const sink = new LogSink('server', path, {}, 10);
    disk.full = true;
    sink.write('lost\n');
    await eventually(() => disk.refused > 2, 'another try');
    disk.full = false;
    await eventually(() => lines().length === 1, 'the line that says so');
    expect(JSON.parse(lines()[0]!)).toMatchObject({ dropped: 1 });
  });

  it('keeps a line that fitted in part apart from the next', () => {
    const sink = new LogSink('server', path, {}, 3_600_000);
    Object.assign(disk, { full: true, part: 4 });
    sink.write('{"a":"half"}\n');
    disk.full = false;
    sink.write('{"b":1}\n');
    expect(lines()).toEqual(['{"a"', expect.stringContaining('"dropped":1'), '{"b":1}']);
  });

  it('is cut all the same, without its end: else it would keep the disk full', () => {
    new LogSink('server', path, {}).write('x'.repeat(2_000));
    disk.full = true;
    boundLog(path, 1_000);
    expect(readFileSync(path, 'utf8')).toBe('');
  });
});

describe('a log that gathers lines', () => {
  const options = (more: object) => ({ path, bytes: 1, ms: 10, maxBytes: 20, onTrouble: () => undefined, onRecovered: () => undefined, ...more });

  it('keeps them within its bound while they cannot be written, and writes them later', async () => {
    const told: (Error | Losses)[] = [];
    // A folder in the place of the file.
    const missing = join(folder, 'later', 'log');
    const log = new GatheringLog(
      'access',
      options({ path: missing, onTrouble: (error: Error) => told.push(error), onRecovered: (losses: Losses) => told.push(losses) }),
    );
    expect(log.write('first line\n')).toBe(true);
    await eventually(() => told.length === 1, 'trouble');
    expect(log.write('too long for the rest\n')).toBe(false);
    const { mkdirSync } = await import('node:fs');
    mkdirSync(join(folder, 'later'));
    await eventually(() => told.length === 2, 'the recovery');
    expect(told[1]).toMatchObject({ lines: 1, code: 'ENOENT' });
    expect(log.write('last\n')).toBe(true);
    await log.close();
    expect(readFileSync(missing, 'utf8')).toBe('first line\nlast\n');
  });
});

describe('a full disk, told to a caller', () => {
  const silent = pino({ level: 'silent' });

  it.each([
    [
      'PostgreSQL',
      Object.assign(new Error('could not extend file'), { name: 'QueryFailedError', driverError: { code: '53100' } }),
      /^the disk of the database is full/,
    ],
    [
      'a file',
      Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', path: '/data/x' }),
      /^the disk is full: \/data\/x cannot be written \(ENOSPC\); free space/,
    ],
    ['a quota', Object.assign(new Error('EDQUOT'), { code: 'EDQUOT' }), /^the disk quota is used up \(EDQUOT\); free space/],
  ])('of %s', (_where, error, message) => {
    expect(toClientError(error, silent)).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringMatching(message), id: expect.any(String) });
  });
});
