import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalEngine } from '../../server/engines/local-engine.js';
import { stopEverythingUnder } from '../../server/engines/stop-everything.js';
import { folderSource } from '../../server/engines/version-folders.js';
import type { EngineHarness } from '../contract/replica-engine.suite.js';

export const ENGINE_PLUGIN = fileURLToPath(new URL('engine-plugin.mjs', import.meta.url));

export interface LocalHarness extends EngineHarness {
  readonly engine: LocalEngine;
  readonly home: string;
  /** Another engine over the same home, beside the first. */
  another(): LocalEngine;
}

/** A local engine over a home of its own, with an artifact store that is a folder. */
export async function openLocalEngine(options: { home?: string; unresponsiveMs?: number } = {}): Promise<LocalHarness> {
  const root = mkdtempSync(join(tmpdir(), 'pilothouse-engine-'));
  const home = options.home ?? join(root, 'home');
  const artifacts = join(root, 'artifacts');
  mkdirSync(home, { recursive: true });
  mkdirSync(artifacts);
  const engines: LocalEngine[] = [];
  const another = () => {
    const engine = new LocalEngine({
      home,
      artifacts: folderSource(artifacts),
      runtimes: [ENGINE_PLUGIN],
      environment: process.env,
      ...(options.unresponsiveMs !== undefined && { unresponsiveMs: options.unresponsiveMs }),
    });
    engines.push(engine);
    return engine;
  };
  return {
    home,
    engine: another(),
    another,
    store: async (model) => {
      const text = JSON.stringify(model);
      const digest = createHash('sha256').update(text).digest('hex');
      writeFileSync(join(artifacts, digest), text);
      return [{ path: 'model.json', digest }];
    },
    gate: () => {
      const path = join(root, `gate-${randomUUID()}`);
      return { path, open: () => writeFileSync(path, '') };
    },
    kill: async (replica) => void process.kill(replica.pid!, 'SIGKILL'),
    restart: async () => {
      engines.at(-1)!.detach();
      return another();
    },
    close: async () => {
      engines.forEach((engine) => engine.detach());
      await stopEverythingUnder(home, 0);
      rmSync(root, { recursive: true, force: true });
    },
  };
}
