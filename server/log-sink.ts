/**
 * Where log lines go. Nothing that happens to a log ends a process or holds it up: a line that cannot be written is dropped and
 * counted, and the log says how many are missing once it can be written again. (sonic-boom, which pino brings, ends the process
 * by an unheard error or, in `flushSync`, waits for ever on a full disk.)
 */
import { openSync, writeSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

export type LogName = 'server' | 'gateway' | 'access';

/** How often a log that could not be written is tried again. */
const RETRY_MS = 1_000;
/** How long a line may wait for a pipe whose reader is slow. */
const BUSY_MS = 100;
const BUSY_LOOK_MS = 5;
const WARN = 40;

const dropped = new Map<LogName, number>();
/** Lines of this process that were dropped since it began, by log. */
export const droppedLines = (): ReadonlyMap<LogName, number> => dropped;

/** Lines that were lost in a row, until a log can be written again. */
export interface Losses {
  lines: number;
  /** What kept them from being written, such as ENOSPC. */
  readonly code: string;
  /** On the clock of `performance.now()`. */
  readonly since: number;
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown';
const count = (name: LogName, lines: number): void => void dropped.set(name, (dropped.get(name) ?? 0) + lines);

/** Writes each line at once: the last ones before a crash are those that matter. For pino, which needs no more of a stream than `write`. */
export class LogSink {
  private readonly fd: number;
  private losses: Losses | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** The last line was written in part: the next one begins on a line of its own. */
  private torn = false;

  /**
   * @param dest a path, opened for appending, or an open descriptor
   * @param base what each line of the log has
   * @throws Error when the file cannot be opened
   */
  constructor(
    private readonly name: LogName,
    dest: string | number,
    private readonly base: Readonly<Record<string, unknown>>,
    private readonly retryMs = RETRY_MS,
  ) {
    this.fd = typeof dest === 'number' ? dest : openSync(dest, 'a', 0o600);
    count(name, 0);
  }

  write(line: string): void {
    try {
      if (this.losses) this.recover(this.losses);
      this.put(line);
    } catch (error) {
      count(this.name, 1);
      this.losses ??= { lines: 0, code: codeOf(error), since: performance.now() };
      this.losses.lines++;
      this.timer ??= setInterval(() => this.retry(), this.retryMs).unref();
    }
  }

  /** Also when nothing more is to be logged, the log says what it lacks. */
  private retry(): void {
    try {
      if (this.losses) this.recover(this.losses);
    } catch {
      // Not yet.
    }
  }

  /** @throws Error when the log still cannot be written */
  private recover({ lines, code, since }: Losses): void {
    const ms = Math.round(performance.now() - since);
    this.put(
      `${JSON.stringify({ level: WARN, time: Date.now(), ...this.base, dropped: lines, code, ms, msg: 'log lines were dropped: the log could not be written' })}\n`,
    );
    clearInterval(this.timer);
    this.losses = this.timer = undefined;
  }

  private put(line: string): void {
    const bytes = Buffer.from(this.torn ? `\n${line}` : line);
    const give = performance.now() + BUSY_MS;
    for (let at = 0; at < bytes.length;) {
      try {
        at += writeSync(this.fd, bytes, at);
        this.torn = at < bytes.length;
      } catch (error) {
        if (codeOf(error) !== 'EAGAIN' || performance.now() > give) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_LOOK_MS);
      }
    }
  }
}

export interface GatheringOptions {
  readonly path: string;
  /** Lines are written together when they are as many bytes, or after this long. */
  readonly bytes: number;
  readonly ms: number;
  /** What may wait for a slow disk, or a full one; what comes then is dropped. */
  readonly maxBytes: number;
  /** Called when it cannot be written (once until it can again), and when it can again. */
  readonly onTrouble: (error: Error) => void;
  readonly onRecovered: (losses: Losses) => void;
}

/** Writes lines in the background, many at a time. No caller waits for it. */
export class GatheringLog {
  private lines: string[] = [];
  private waiting = 0;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;
  private file: FileHandle | undefined;
  private losses: Losses | undefined;
  /** Of what is being written: some of it may be in the file already. */
  private rest: Buffer | undefined;

  constructor(
    private readonly name: LogName,
    private readonly options: GatheringOptions,
  ) {
    count(name, 0);
  }

  /** @returns whether the line was taken */
  write(line: string): boolean {
    const bytes = Buffer.byteLength(line);
    if (this.waiting + bytes > this.options.maxBytes) {
      this.lose(1);
      return false;
    }
    this.lines.push(line);
    this.waiting += bytes;
    if (this.waiting >= this.options.bytes && !this.losses) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), this.options.ms).unref();
    return true;
  }

  /** Resolves when everything that could be written is. */
  async close(): Promise<void> {
    await this.writing;
    this.flush();
    await this.writing;
    clearTimeout(this.timer);
    await this.file?.close().catch(() => undefined);
  }

  private lose(lines: number): void {
    count(this.name, lines);
    if (this.losses) this.losses.lines += lines;
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.writing ??= this.writeAll().finally(() => (this.writing = undefined));
  }

  private async writeAll(): Promise<void> {
    try {
      this.file ??= await open(this.options.path, 'a', 0o600);
      while (this.rest || this.lines.length > 0) {
        this.rest ??= Buffer.from(this.lines.splice(0).join(''));
        const { bytesWritten } = await this.file.write(this.rest);
        this.waiting -= bytesWritten;
        this.rest = bytesWritten < this.rest.length ? this.rest.subarray(bytesWritten) : undefined;
      }
      if (this.losses) this.options.onRecovered(this.losses);
      this.losses = undefined;
    } catch (error) {
      if (!this.losses) this.options.onTrouble(error as Error);
      this.losses ??= { lines: 0, code: codeOf(error), since: performance.now() };
      this.timer ??= setTimeout(() => this.flush(), this.options.ms).unref();
    }
  }
}
