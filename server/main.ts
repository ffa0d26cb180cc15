/** The server's process. What it loads is loaded inside, so that a bad configuration is told, and a signal heard, at once. */
import type { App } from './app.js';
import { standBehind } from '../runtimes/host/cpu-share.js';
import { runServer } from './lifecycle/lifecycle.js';

standBehind(process.pid);
await runServer<App>({
  create: async ({ config, log, say, signal }) => {
    const { openDatabase } = await import('./database/database.js');
    // PostgreSQL starts while the rest of the program is loaded: together they are most of a start.
    const database = openDatabase(config, { log, say, signal });
    database.catch(() => undefined);
    const { createApp } = await import('./app.js');
    return createApp({ config, log, database, signal });
  },
  introduce: async (app, { config, say, signal }) => {
    if (!config.samples) return;
    const { showSamples } = await import('./samples/first-run.js');
    await showSamples(app, say, signal);
  },
});
