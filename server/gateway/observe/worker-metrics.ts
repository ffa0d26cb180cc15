/**
 * Metrics of all gateway workers that share a port: a scrape reaches any of them, and must not see a fraction. Each worker answers
 * its own on a Unix socket; the one that is scraped asks the others. Every sample is labelled with its worker, so that a worker
 * that was replaced looks like what it is, a counter that began anew: in a sum over workers its loss would look like a burst.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { exposition, type MetricFamily } from './exposition.js';

export interface WorkerMetricsOptions {
  /** Which of the workers this is: the same for the one that replaces it. */
  readonly worker: string;
  /** Where the workers' sockets lie; undefined for a gateway that has no siblings. */
  readonly folder: string | undefined;
  readonly gather: () => Promise<MetricFamily[]>;
  readonly log: Logger;
  /** For tests: how long a sibling may take to answer. */
  readonly siblingMs?: number;
}

interface Report {
  readonly worker: string;
  /** Milliseconds since 1970. While one is replaced there are two of a name for a moment; the newer one counts. */
  readonly startedAt: number;
  readonly families: readonly MetricFamily[];
}

/** A worker that does not answer in this time is left out of a scrape, which itself may take ten seconds as a rule. */
const SIBLING_MS = 1_000;
const MAX_REPORT_BYTES = 64 * 1024 * 1024;
const SOCKET = /^gateway-\d+\.sock$/;

export class WorkerMetrics {
  private readonly startedAt = performance.timeOrigin;
  private server: Server | undefined;

  constructor(private readonly options: WorkerMetricsOptions) {}

  private get path(): string {
    return join(this.options.folder!, `gateway-${process.pid}.sock`);
  }

  /** Lets the others ask. A worker that cannot be asked still serves: that is logged, and no reason to stop. */
  async start(): Promise<void> {
    const { folder, log } = this.options;
    if (folder === undefined) return;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // Of a process that had this one's id before.
      await rm(this.path, { force: true });
      this.server = createServer((socket) => {
        socket.on('error', () => undefined);
        void this.own().then(
          (report) => socket.end(JSON.stringify(report)),
          () => socket.destroy(),
        );
      });
      await new Promise<void>((resolve, reject) => this.server!.once('error', reject).listen(this.path, resolve));
    } catch (error) {
      log.warn({ err: error }, 'the other gateway workers cannot get the metrics of this one');
    }
  }

  /** The text for a scrape: of this worker and of every sibling that answers in time. */
  async text(): Promise<string> {
    const [own, ...others] = await Promise.all([this.own(), ...(await this.siblings()).map((path) => this.ask(path))]);
    const byWorker = new Map<string, Report>([[own.worker, own]]);
    for (const report of others) {
      const known = report && byWorker.get(report.worker);
      if (report && !(known && known.startedAt > report.startedAt)) byWorker.set(report.worker, report);
    }
    const reports = [...byWorker.values()].sort((a, b) => a.worker.localeCompare(b.worker, 'en', { numeric: true }));
    return exposition(reports.map(({ families }) => families));
  }

  /** Called when this worker ends: the others no longer ask for its metrics. */
  close(): void {
    this.server?.close();
    this.server = undefined;
  }

  private async own(): Promise<Report> {
    return { worker: this.options.worker, startedAt: this.startedAt, families: await this.options.gather() };
  }

  private async siblings(): Promise<string[]> {
    const { folder } = this.options;
    if (folder === undefined) return [];
    // A scrape that silently left the siblings out would be a fraction: it fails instead.
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return names.filter((name) => SOCKET.test(name) && join(folder, name) !== this.path).map((name) => join(folder, name));
  }

  /** undefined for a worker that is dead, too slow, or of another build. */
  private ask(path: string): Promise<Report | undefined> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const socket = connect(path);
      const give = (report?: Report): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve(report);
      };
      const timer = setTimeout(give, this.options.siblingMs ?? SIBLING_MS);
      socket.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAX_REPORT_BYTES) give();
      });
      socket.on('end', () => give(parse(Buffer.concat(chunks).toString('utf8'))));
      socket.on('error', (error: NodeJS.ErrnoException) => {
        // No process listens there any more: it was killed.
        if (error.code === 'ECONNREFUSED') void rm(path, { force: true });
        give();
      });
    });
  }
}

function parse(text: string): Report | undefined {
  try {
    const report = JSON.parse(text) as Report;
    return typeof report.worker === 'string' && Array.isArray(report.families) ? report : undefined;
  } catch {
    return undefined;
  }
}
