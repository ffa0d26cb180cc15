/** What is told of an error that anybody may have thrown. */
import { trapMessage } from '../contract.js';

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same; says so where the runtime trapped. */
export function reasonOf(error: unknown): string {
  const trap = trapMessage(error);
  return trap === undefined ? messageOf(error) : `the runtime trapped: ${trap}`;
}
