import { setTimeout as delay } from 'node:timers/promises';

/** Polls for something that another part does in its own time; the test fails when it does not come. */
export async function eventually<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what = 'the condition',
  timeoutMs = 20_000,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`${what} did not come true within ${timeoutMs} ms`);
    await delay(10);
  }
}
