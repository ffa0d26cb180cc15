import { EventEmitter } from 'node:events';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { Meter } from '../../../server/gateway/meter.js';
import { writeWindows } from '../../../server/gateway/meter-store.js';

/** A pool of one connection, which obeys a test. */
class FakeConnection extends EventEmitter {
  readonly released: boolean[] = [];
  query: () => Promise<unknown> = async () => ({ rows: [] });
  release = (broken: boolean): void => void this.released.push(broken);

  get pool(): pg.Pool {
    return { connect: async () => this } as unknown as pg.Pool;
  }
}

function used(): Meter {
  const meter = new Meter();
  meter.target('d', 'v', 1_000).reject(1_000, 'INVALID');
  return meter;
}

test('a connection that PostgreSQL ends between two statements ends the write, and not the process', async () => {
  const connection = new FakeConnection();
  const meter = used();
  connection.query = async () => {
    // As pg tells it where no statement is under way, and once more when the socket is closed.
    connection.emit('error', new Error('terminating connection due to administrator command'));
    throw new Error('Client has encountered a connection error and is not queryable');
  };
  await expect(writeWindows(connection.pool, 'g', meter, 2_000)).rejects.toThrow('not queryable');
  expect(connection.released).toEqual([true]);
  connection.emit('error', new Error('Connection terminated unexpectedly'));
  expect(meter.collect(2_000).open).toHaveLength(1);
});

test('a connection is given back as it was taken', async () => {
  const connection = new FakeConnection();
  await writeWindows(connection.pool, 'g', used(), 2_000);
  expect(connection.released).toEqual([false]);
  expect(connection.listenerCount('error')).toBe(0);
});
