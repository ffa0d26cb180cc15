/**
 * A server process with the real life of one (configuration, home, database, signals, the end) around a very small app, which
 * answers on its port and does as the environment says: SMALL_STOP_MS how long it drains, SMALL_FAULT when it breaks, SMALL_CHECK_MS
 * how often it looks after endpoints.json, SMALL_SAME_MS how long a signal that comes again is the same one, SMALL_START the file
 * that its start waits for, or "signal" for one that waits to be given up.
 */
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../../dist/server/database/database.js';
import { runServer } from '../../dist/server/lifecycle/lifecycle.js';

const { SMALL_STOP_MS = '0', SMALL_FAULT, SMALL_DATABASE, SMALL_CHECK_MS, SMALL_SAME_MS, SMALL_START } = process.env;
const number = (text) => (text === undefined ? undefined : Number(text));

async function halfWay(say, signal) {
  say('half-way');
  if (SMALL_START === 'signal') await sleep(600_000, undefined, { signal }).catch(() => undefined);
  else while (!existsSync(SMALL_START)) await sleep(20);
  say('the start goes on');
  if (SMALL_START === 'signal') signal.throwIfAborted();
}

const program = {
  create: async ({ config, log, say, signal }) => {
    if (SMALL_START !== undefined) await halfWay(say, signal);
    const database = SMALL_DATABASE === 'no' ? undefined : await openDatabase(config, { log, say });
    if (database?.embedded) say(`postgres ${database.embedded.pid}`);
    if (SMALL_FAULT === 'start') {
      await database?.undo();
      throw new Error('the app does not start');
    }
    const server = createServer((_request, response) => response.end('ok'));
    await new Promise((resolve, reject) => server.once('error', reject).listen(config.port, config.host, resolve));
    const url = `http://${config.host}:${server.address().port}`;
    return {
      endpoints: { control: url, http: url, grpc: url.slice('http://'.length) },
      stop: async ({ force, last }) => {
        console.log(`app stops force=${force} last=${last}`);
        server.close();
        await sleep(force ? 0 : Number(SMALL_STOP_MS));
        await (last ? database?.stop({ force }) : database?.leave());
      },
    };
  },
  introduce: async (_app, { log }) => {
    log.info({ token: 'ph_very-secret', databaseUrl: 'postgres://me:hush@host/x' }, 'connecting to postgres://me:hush@host:5432/x?password=hush');
    if (SMALL_FAULT === 'later') setTimeout(() => Promise.reject(new Error('nobody caught this')), 10);
  },
};

await runServer(program, { checkEndpointsMs: number(SMALL_CHECK_MS), sameSignalMs: number(SMALL_SAME_MS) });
