/** What a command prints: tables and colour on a terminal, plain text when piped, one JSON document with --json. */
export type Cell = string | number | null | undefined;

interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const STYLES = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33' } as const;
export type Style = keyof typeof STYLES;

const STYLE_OF_STATE: Readonly<Record<string, Style>> = {
  READY: 'green',
  SUCCEEDED: 'green',
  RESOLVED: 'green',
  FAILED: 'red',
  REJECTED: 'red',
  FIRING: 'red',
};

// Escape codes would reach a terminal as commands: what a server says is printed without control characters.
const CONTROL = /(?![\t\n])\p{Cc}/gu;
const clean = (text: string): string => text.replace(CONTROL, ' ');
const oneLine = (text: string): string => clean(text).replace(/\s*\n\s*/g, ' ');

export class Output {
  private progressShown = false;

  constructor(
    readonly json: boolean,
    private readonly env: Readonly<Record<string, string | undefined>>,
    private readonly out: Stream = process.stdout,
    private readonly err: Stream = process.stderr,
  ) {}

  get onTerminal(): boolean {
    return this.out.isTTY === true;
  }

  style(style: Style, text: string, stream: Stream = this.out): string {
    return stream.isTTY && !this.env['NO_COLOR'] && this.env['TERM'] !== 'dumb' ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text;
  }

  /** The result: `value` with --json, else what `print` prints. */
  result(value: unknown, print: () => void): void {
    this.endProgress();
    if (this.json) this.out.write(`${JSON.stringify(value, null, 2)}\n`);
    else print();
  }

  /** One element of a followed stream. */
  item(value: unknown, line: string): void {
    this.endProgress();
    this.out.write(this.json ? `${JSON.stringify(value)}\n` : `${clean(line)}\n`);
  }

  line(text: string): void {
    this.out.write(`${clean(text)}\n`);
  }

  /** Text as it is, such as a generated file. */
  text(text: string): void {
    this.out.write(text);
  }

  /** Names and values, one pair a line; pairs without a value are left out. */
  facts(pairs: readonly (readonly [string, Cell])[]): void {
    const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
    const width = Math.max(0, ...shown.map(([name]) => name.length));
    for (const [name, value] of shown) this.out.write(`${this.style('dim', name.padEnd(width))}  ${this.coloured(oneLine(String(value)))}\n`);
  }

  /** Aligned columns. On a terminal the widest ones are shortened until a row fits. */
  table(columns: readonly string[], rows: readonly (readonly Cell[])[], empty: string): void {
    if (rows.length === 0) return void this.err.write(`${empty}\n`);
    const cells = [columns, ...rows].map((row) => row.map((cell) => oneLine(String(cell ?? ''))));
    const widths = this.fit(columns.map((_, i) => Math.max(...cells.map((row) => row[i]!.length))));
    for (const [n, row] of cells.entries()) {
      const shown = row.map((cell, i) => {
        const text = cell.length > widths[i]! ? `${cell.slice(0, widths[i]! - 1)}…` : cell;
        const padded = i === row.length - 1 ? text : text.padEnd(widths[i]!);
        return n === 0 ? this.style('bold', padded) : padded.replace(text, this.coloured(text));
      });
      this.out.write(`${shown.join('  ').trimEnd()}\n`);
    }
  }

  /** Something to know beside the result. */
  note(text: string): void {
    this.endProgress();
    this.err.write(`${clean(text)}\n`);
  }

  /** What is going on: one live line on a terminal, and nothing elsewhere. */
  progress(text: string): void {
    if (!this.err.isTTY) return;
    this.progressShown = true;
    this.err.write(`\r\u001b[K${oneLine(text).slice(0, (this.err.columns ?? 80) - 1)}`);
  }

  /** A step of long work: the live line on a terminal, a line of its own elsewhere. */
  step(text: string): void {
    if (this.err.isTTY) this.progress(text);
    else this.err.write(`${oneLine(text)}\n`);
  }

  endProgress(): void {
    if (this.progressShown) this.err.write('\r\u001b[K');
    this.progressShown = false;
  }

  private coloured(text: string): string {
    const style = STYLE_OF_STATE[text];
    return style ? this.style(style, text) : text;
  }

  private fit(widths: number[]): number[] {
    const room = this.onTerminal ? (this.out.columns ?? 80) - 2 * (widths.length - 1) : Infinity;
    const fitted = [...widths];
    while (fitted.reduce((sum, width) => sum + width, 0) > room) {
      const widest = fitted.indexOf(Math.max(...fitted));
      if (fitted[widest]! <= 8) break;
      fitted[widest]!--;
    }
    return fitted;
  }
}

/** A time for people: without fractions of a second. */
export const time = (at: string | null | undefined): string => (at ? at.replace(/\.\d+Z$/, 'Z') : '');

export function bytes(size: number | string | null | undefined): string {
  if (size === null || size === undefined) return '';
  let value = Number(size);
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 1024) return `${unit === 'B' ? value : value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} TiB`;
}

export const milliseconds = (ms: number | null | undefined): string =>
  ms === null || ms === undefined ? '' : ms < 1000 ? `${Number(ms.toPrecision(3))} ms` : `${(ms / 1000).toFixed(1)} s`;
