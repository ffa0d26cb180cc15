/** Milliseconds of a clock that all threads share: `performance.now()` begins with its thread. */
export function monotonicMs() {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}
