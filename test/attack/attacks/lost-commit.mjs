/** Connections to PostgreSQL are lost at COMMIT, and right after it, while projects are created: every answer is compared with what the database holds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import pg from 'pg';
import { onEnd } from '../../bench/support/processes.mjs';
import { startProgram } from '../support/program.mjs';

export const name = 'lost-commit';
export const point = 9;

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** COMMIT does not arrive; its answer is lost; the database is away for a moment just after it. */
const CUTS = ['BEFORE', 'AFTER', 'AWAY'];
const AWAY_MS = 500;

export async function run({ short, root }) {
  const { EmbeddedPostgres } = await import(join(root ?? ROOT, 'dist/server/database/embedded-postgres.js'));
  const home = mkdtempSync(join(tmpdir(), 'pilothouse-attack-postgres-'));
  const postgres = await EmbeddedPostgres.start({ home, log: pino({ level: 'silent' }) });
  const stop = onEnd(async () => {
    await postgres.stop({ force: true });
    rmSync(home, { recursive: true, force: true });
  });
  const proxy = await startProxy(postgres.url);
  const program = await startProgram({ root, environment: { DATABASE_URL: proxy.url } });
  const facts = { changes: 0, truthful: 0, saidUnknown: 0, saidNotDoneYetDone: 0, saidDoneYetNot: 0, longestMs: 0, answers: {} };
  try {
    const database = new pg.Client({ connectionString: postgres.url });
    await database.connect();
    for (let i = 0; i < (short ? 9 : 300); i++) {
      const project = `lost-${i}`;
      const cut = CUTS[i % CUTS.length];
      proxy.cutNext(cut);
      const started = performance.now();
      const said = await createProject(program, project);
      facts.longestMs = Math.max(facts.longestMs, Math.round(performance.now() - started));
      await proxy.isBack();
      const { rowCount } = await database.query('SELECT 1 FROM project WHERE name = $1', [project]);
      facts.changes++;
      const answer = `${cut}: ${said}, ${rowCount === 1 ? 'done' : 'not done'}`;
      facts.answers[answer] = (facts.answers[answer] ?? 0) + 1;
      if (said === 'UNCONFIRMED') facts.saidUnknown++;
      else if ((said === 'done') === (rowCount === 1)) facts.truthful++;
      else facts[rowCount === 1 ? 'saidNotDoneYetDone' : 'saidDoneYetNot']++;
    }
    await database.end();
    const broken = ['saidNotDoneYetDone', 'saidDoneYetNot'].flatMap((what) => (facts[what] > 0 ? [`${what}: ${facts[what]} of ${facts.changes}`] : []));
    return { facts, broken };
  } finally {
    await program.stop();
    proxy.close();
    await stop();
  }
}

/** @returns `done`, or the code of the error */
async function createProject({ control, authorization }, project) {
  const query = 'mutation ($input: CreateProjectInput!) { createProject(input: $input) { project { name } userErrors { code } } }';
  // What the server cannot even begin while its connections come back is no answer about a change.
  for (;;) {
    const response = await fetch(`${control}/graphql`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables: { input: { name: project } } }),
      signal: AbortSignal.timeout(60_000),
    }).catch((error) => error);
    if (response instanceof Error) return response.name;
    const { data, errors } = await response.json();
    if (response.status === 503 && !data) {
      await delay(100);
      continue;
    }
    if (errors) return errors[0].extensions.code;
    return data.createProject.project ? 'done' : data.createProject.userErrors[0].code;
  }
}

/** A way to PostgreSQL that cuts the connection in which a project is created, at its COMMIT. */
async function startProxy(databaseUrl) {
  const target = new URL(databaseUrl);
  const path = `${target.searchParams.get('host')}/.s.PGSQL.${target.searchParams.get('port') ?? (target.port || 5432)}`;
  const sockets = new Set();
  let next;
  let backAt = 0;
  const server = createServer((client) => {
    if (performance.now() < backAt) return client.destroy();
    const postgres = connect(path);
    for (const socket of [client, postgres]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        postgres.destroy();
      });
    }
    let creates = false;
    let lost;
    client.on('data', (bytes) => {
      creates ||= bytes.includes('INSERT INTO project ');
      if (!creates || !next || !bytes.includes('COMMIT\0')) return postgres.write(bytes);
      [lost, next, creates] = [next, undefined, false];
      if (lost === 'BEFORE') client.destroy();
      else postgres.write(bytes);
    });
    postgres.on('data', (bytes) => {
      if (lost === 'AFTER') return client.destroy();
      client.write(bytes);
      if (lost !== 'AWAY') return;
      lost = undefined;
      backAt = performance.now() + AWAY_MS;
      // The answer to COMMIT leaves first; whatever is asked next has no connection.
      setImmediate(() => [...sockets].forEach((socket) => socket.end()));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(databaseUrl);
  url.search = '';
  url.hostname = '127.0.0.1';
  url.port = String(server.address().port);
  return {
    url: url.href,
    cutNext: (cut) => (next = cut),
    isBack: () => delay(Math.max(0, backAt - performance.now())),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
