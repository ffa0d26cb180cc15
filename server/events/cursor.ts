/** Cursors of the event feed: a position, and the feed it is a position of. */
import { DomainError } from '../errors.js';

const POSITION = /^(0|[1-9]\d{0,15})$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The opaque cursor of a position. */
export const encodeCursor = (epoch: string, position: number): string => Buffer.from(`${epoch}:${position}`).toString('base64url');

/** @throws DomainError INVALID on `after` for text that no feed gave out. */
export function decodeCursor(cursor: string): { epoch: string; position: number } {
  const [epoch = '', position = ''] = Buffer.from(cursor, 'base64url').toString('utf8').split(':');
  if (!UUID.test(epoch) || !POSITION.test(position)) {
    throw new DomainError('INVALID', `"${cursor.slice(0, 80)}" is not a cursor of the event feed; use the cursor of an event, as it came`, ['after']);
  }
  return { epoch, position: Number(position) };
}

/** The error for a cursor that points before what is kept, or into another feed. */
export const cursorExpired = (why: string): DomainError =>
  new DomainError('CURSOR_EXPIRED', `${why}; read the state again and subscribe without a cursor`, ['after']);
