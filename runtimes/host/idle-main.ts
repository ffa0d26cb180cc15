/**
 * `idle-main.js <RuntimeOfProcess as JSON>`: loads a runtime without a model and prints what that takes, as its last
 * line `idle <bytes that RLIMIT_DATA counts> <resident bytes>`. See `server/engines/limits.ts`.
 */
import { readFileSync } from 'node:fs';
import { loadPlugin } from '../catalog.js';
// Not used here, but part of every replica's idle memory.
import './replica-server.js';

/** What `server/engines/limits.ts` knows of a process. */
interface IdleRequest {
  readonly runtime: string;
  readonly threads?: number;
  readonly outsideModules?: readonly string[];
  readonly backend?: string | null;
  readonly nativeCache?: string;
}

const { runtime, threads = 1, outsideModules = [], backend, nativeCache } = JSON.parse(process.argv[2]!) as IdleRequest;
try {
  const plugin = await loadPlugin(runtime, outsideModules);
  if ('load' in plugin) await plugin.preload?.({ threads, backend, nativeCache, log: (line) => console.error(line) });
} catch (error) {
  // A runtime that does not load is the failure of its versions; what is measured then is Node alone.
  console.error(error instanceof Error ? error.message : error);
}
process.stdout.write(`idle ${dataBytes()} ${process.memoryUsage.rss()}\n`, () => process.exit(0));

function dataBytes(): number {
  try {
    return Number(/^VmData:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024;
  } catch {
    return process.memoryUsage().rss;
  }
}
