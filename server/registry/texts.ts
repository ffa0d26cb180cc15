/** What people write about their things, checked before PostgreSQL would refuse it. Pure. */
import { unstorable } from '../database/storable-text.js';
import { DomainError } from '../errors.js';

const MAX_DESCRIPTION = 10_000;
const MAX_TEXT = 2_000;
const MAX_JSON_BYTES = 64 * 1024;
const MAX_JSON_DEPTH = 32;

/** @throws DomainError INVALID or LIMIT_EXCEEDED, on `field` */
export function checkText(text: string, field: readonly string[], max = MAX_TEXT): void {
  if (text.length > max) throw new DomainError('LIMIT_EXCEEDED', `${field.join('.')} has ${text.length} characters; it may have ${max}`, field);
  const problem = unstorable(text);
  if (problem) throw new DomainError('INVALID', `${field.join('.')} ${problem}`, field);
}

export const checkDescription = (text: string, field: readonly string[] = ['description']): void => checkText(text, field, MAX_DESCRIPTION);

/** Any JSON value that a caller wants kept. @throws DomainError INVALID or LIMIT_EXCEEDED, on `field` */
export function checkJson(value: unknown, field: readonly string[], maxBytes = MAX_JSON_BYTES): void {
  // Level by level, so that deep nesting cannot exhaust the stack before it is refused.
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_JSON_DEPTH) throw new DomainError('LIMIT_EXCEEDED', `${field.join('.')} is nested deeper than ${MAX_JSON_DEPTH} levels`, field);
    const next: unknown[] = [];
    for (const item of level) {
      const problem = typeof item === 'string' ? unstorable(item) : undefined;
      if (problem) throw new DomainError('INVALID', `a string in ${field.join('.')} ${problem}`, field);
      // One by one: a spread of a long list would overflow the stack.
      if (Array.isArray(item)) for (const element of item) next.push(element);
      else if (typeof item === 'object' && item !== null) for (const entry of Object.entries(item)) next.push(...entry);
    }
    level = next;
  }
  const bytes = Buffer.byteLength(JSON.stringify(value) ?? '');
  if (bytes > maxBytes) throw new DomainError('LIMIT_EXCEEDED', `${field.join('.')} has ${bytes} bytes as JSON; it may have ${maxBytes}`, field);
}
