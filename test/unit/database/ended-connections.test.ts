/** A connection that PostgreSQL ends in the moment in which it was opened: an event that nobody heard would end this process. */
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDataSource } from '../../../server/database/data-source.js';
import { ControlLink } from '../../../server/gateway/control-link.js';
import { Meter } from '../../../server/gateway/metering/meter.js';
import { startEndingPostgres, type EndingPostgres } from '../../support/ending-postgres.js';
import { eventually } from '../../support/eventually.js';

let postgres: EndingPostgres;
beforeEach(async () => {
  postgres = await startEndingPostgres();
});
afterEach(() => postgres.close());

test("the server's statement fails", async () => {
  await expect(createDataSource(postgres.url, []).initialize()).rejects.toThrow(/terminat|not queryable/);
  expect(postgres.connections).toBeGreaterThan(1);
});

test("the gateway's link goes on trying", async () => {
  const link = new ControlLink({
    url: postgres.url,
    gatewayId: 'g',
    host: 'h',
    meter: new Meter(),
    log: pino({ level: 'silent' }),
    now: () => Date.now(),
    apply: async () => undefined,
    inFlight: () => ({}),
    tick: () => undefined,
  });
  expect(await link.start()).toBe(false);
  const before = postgres.connections;
  // The windows are written, the row kept and the routes read once a second or so, each by a connection of its own.
  await eventually(() => postgres.connections > before + 6, 'further attempts');
  await link.close();
});
