/** A gateway process, and what tests ask of it. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './eventually.js';
import { end, START_MS } from './processes.js';
import { samplesOf } from './promtool.js';

export interface HttpReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { error?: string; outputs?: { name: string; data: unknown[] }[]; [field: string]: unknown };
}

export class TestGateway {
  readonly log: Record<string, unknown>[] = [];
  private constructor(
    readonly process: ChildProcess,
    readonly id: string,
    readonly port: number,
    readonly grpcPort: number,
  ) {}

  static async over(child: ChildProcess): Promise<TestGateway> {
    const lines: Record<string, unknown>[] = [];
    let rest = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop()!;
      for (const part of parts) lines.push(JSON.parse(part) as Record<string, unknown>);
    });
    const serving = await eventually(
      () => {
        if (child.exitCode !== null) throw new Error(`the gateway exited with ${child.exitCode}`);
        return lines.find((line) => line['msg'] === 'the gateway serves');
      },
      'a gateway that serves',
      START_MS,
    );
    const [http, grpc] = [serving['address'], serving['grpc']] as { port: number }[];
    const gateway = new TestGateway(child, serving['id'] as string, http!.port, grpc!.port);
    Object.assign(gateway, { log: lines });
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Waits for a line of its log, which comes through a pipe in its own time. */
  logged(is: (msg: string) => boolean, what: string): Promise<Record<string, unknown>> {
    return eventually(() => this.log.find((line) => is(String(line['msg']))), what, START_MS);
  }

  /** Waits until a replica of each of these models is connected: a table is served before, when one is slow to answer. */
  async reaches(...models: readonly string[]): Promise<void> {
    for (const model of models) await eventually(async () => (await this.isReady(model)) && model, `a gateway that reaches ${model}`, START_MS);
  }

  /** Waits until it has noticed that no replica of a model is left. */
  async misses(model: string): Promise<void> {
    await eventually(async () => !(await this.isReady(model)), `a gateway that misses ${model}`, START_MS);
  }

  async isReady(model: string): Promise<boolean> {
    return (await this.request(`/v2/models/${encodeURIComponent(model)}/ready`)).status === 200;
  }

  /** Waits until so many requests for a model wait for a replica, or are accepted and not answered. */
  async counts(model: string, gauge: 'queued' | 'in_flight', count: number): Promise<void> {
    await eventually(
      async () => {
        const samples = samplesOf(await (await fetch(`${this.url}/metrics`)).text(), `pilothouse_inference_${gauge}`);
        return samples.filter(({ labels }) => labels['deployment'] === model).reduce((sum, { value }) => sum + value, 0) === count;
      },
      `${count} requests for ${model} that are ${gauge}`,
      START_MS,
    );
  }

  async request(path: string, init: RequestInit = {}): Promise<HttpReply> {
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as HttpReply['body'] };
  }

  infer(model: string, body: unknown, init: RequestInit = {}): Promise<HttpReply> {
    return this.request(`/v2/models/${encodeURIComponent(model)}/infer`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...init,
    });
  }

  /** Sends a command to a `COMMAND_MODEL`. */
  command(command: string, more: { parameters?: Record<string, unknown>; model?: string; init?: RequestInit } = {}): Promise<HttpReply> {
    const inputs = [{ name: 'command', datatype: 'BYTES', shape: [1], data: [command] }];
    return this.infer(more.model ?? 'm', { inputs, ...(more.parameters && { parameters: more.parameters }) }, more.init);
  }

  async stop(): Promise<number | null> {
    const exit = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    const [code] = (await exit) as [number | null];
    return code;
  }

  kill(): Promise<void> {
    return end(this.process, 'SIGKILL');
  }
}
