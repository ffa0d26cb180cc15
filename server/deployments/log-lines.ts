/** What a line of a log says of itself. Pure. */
export type LogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';

const TIME = /^\[?(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?)(Z|[+-]\d{2}:?\d{2})?/;
const LEVELS: readonly (readonly [LogLevel, RegExp])[] = [
  // A letter in brackets is ONNX Runtime's way: `[W:onnxruntime:...`.
  ['ERROR', /\[[EF]:|\b(ERROR|FATAL|CRITICAL)\b|\bError:/],
  ['WARNING', /\[W:|\b(WARN|WARNING)\b|\bWarning:/],
  ['INFO', /\[I:|\bINFO\b/],
  ['DEBUG', /\[V:|\b(DEBUG|TRACE)\b/],
];

/** The time that a line begins with; null where it has none. A time without a zone is taken as UTC. */
export function timeOf(line: string): Date | null {
  const [, time, zone = 'Z'] = TIME.exec(line) ?? [];
  if (!time) return null;
  const date = new Date(
    time
      .replace(' ', 'T')
      .replace(',', '.')
      .replace(/(\.\d{3})\d+$/, '$1') + zone,
  );
  return Number.isNaN(date.getTime()) ? null : date;
}

/** The level that a line names; null where it names none. */
export const levelOf = (line: string): LogLevel | null => LEVELS.find(([, pattern]) => pattern.test(line.slice(0, 300)))?.[0] ?? null;
