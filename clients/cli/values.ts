/** Values of flags: durations, numbers, `key=value`. */
import { wrongUse } from './exit-codes.js';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90`, `90s`, `5m`, `1h`, `250ms` in milliseconds; a plain number is seconds. */
export function duration(text: string, flag: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text);
  if (!match) throw wrongUse(`${flag} "${text}" is not a duration; give one such as 90s, 5m or 1h`);
  return Number(match[1]) * UNITS[match[2] ?? 's']!;
}

/** A time such as `2026-11-29T08:00:00Z`, in milliseconds since 1970. Without a zone it is in UTC. */
export function moment(text: string, flag: string): number {
  const [, date, zone = 'Z'] = /^(\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?)(Z|[+-]\d{2}:\d{2})?$/.exec(text) ?? [];
  const value = date === undefined ? NaN : Date.parse(date.includes('T') ? date + zone : date);
  if (Number.isNaN(value)) throw wrongUse(`${flag} "${text}" is not a time; give one such as 2026-11-29T08:00:00Z`);
  return value;
}

export function integer(text: string, what: string, least = 0): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least) throw wrongUse(`${what} "${text}" is not a whole number of at least ${least}`);
  return value;
}

export function decimal(text: string, what: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw wrongUse(`${what} "${text}" is not a number`);
  return value;
}

/** `key=value`, split at the first "=". */
export function pair(text: string, flag: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw wrongUse(`${flag} "${text}" is not of the form key=value`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** A value as JSON where it is a number, true, false or null; else as text. */
export function scalar(text: string): unknown {
  return /^(-?\d+(\.\d+)?([eE][-+]?\d+)?|true|false|null)$/.test(text) ? JSON.parse(text) : text;
}

/** A flag that may be given several times, collected into a list. */
export const repeated = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** One of several words, in either case. */
export function oneOf<T extends string>(text: string, words: readonly T[], flag: string): T {
  const found = words.find((word) => word === text.toUpperCase());
  if (found === undefined) throw wrongUse(`${flag} "${text}" is unknown; give one of ${words.join(', ').toLowerCase()}`);
  return found;
}
