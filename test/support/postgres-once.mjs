/** Starts the embedded PostgreSQL of the home that the first argument names, asks it something, stops it: for a process of another user. */
import { pino } from 'pino';
import { EmbeddedPostgres } from '../../dist/server/database/embedded-postgres.js';
import pg from 'pg';

const home = process.argv[2];
try {
  const postgres = await EmbeddedPostgres.start({ home, log: pino({ level: 'silent' }), settings: { fsync: 'off' } });
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  const { rows } = await client.query('SELECT 6 * 7 AS answer');
  await client.end();
  await postgres.stop();
  console.log(`answer ${rows[0].answer}`);
} catch (error) {
  console.log(`${error.name}: ${error.message}`);
  process.exitCode = 1;
}
