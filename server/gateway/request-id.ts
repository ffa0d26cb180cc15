/** Ids by which a request is found again in logs and traces: the caller's, or one made here. */
import { randomBytes } from 'node:crypto';

/** Short, printable, and nothing that could break a header or a log line. */
const ACCEPTED = /^[\x21-\x7e]{1,128}$/;

const prefix = randomBytes(8).toString('hex');
let made = 0;

export function requestIdOf(given: string | string[] | undefined): string {
  if (typeof given === 'string' && ACCEPTED.test(given)) return given;
  return `${prefix}-${(++made).toString(36)}`;
}
