/** What a start says of the Node that it runs on. Pure. */

/** The first Node that serves more. */
const FASTER = 24;

/**
 * @param version as `process.versions.node`
 * @returns undefined where there is nothing to say. The figures compare Node 20 and 24, measured alternating on one machine
 */
export function nodeAdvice(version: string): string | undefined {
  if (Number(version.split('.')[0]) >= FASTER) return undefined;
  return `This is Node ${version}. Node ${FASTER} serves more than Node 20: 33.8 to 38.6 k requests/s instead of 25.6 to 29.1 k, and one connection gets its answer in 0.29 ms instead of 0.35 ms.`;
}
