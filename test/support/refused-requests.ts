/** An API that is sent malformed requests. Each must be refused with its code and message, and must change nothing. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startTestApi, type TestApi } from './api.js';
import { ProbeResolver } from './probe.resolver.js';
import { createTestRegistry, type TestRegistry } from './registry.js';

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly bytes: number;
}

export interface RefusedRequest {
  readonly name: string;
  readonly send: () => Promise<Refusal>;
  /** HTTP status, or close code of a WebSocket (0 where it stays open). */
  readonly status: number;
  readonly code: string;
  readonly message: RegExp;
}

/** Started before the tests of the file that makes it, and ended after them. */
export class RefusingApi {
  api!: TestApi;
  private probe!: ProbeResolver;
  private registry!: TestRegistry;

  constructor() {
    beforeAll(async () => {
      this.api = await startTestApi({
        limits: { subscriptionsPerConnection: 3 },
        features: async ({ work }) => {
          this.probe = new ProbeResolver(work);
          this.registry = await createTestRegistry({ work });
          return { resolvers: [this.probe], nodes: [this.probe.nodes], routes: this.registry.routes };
        },
      });
    });
    afterAll(async () => {
      await this.registry.close();
      await this.api.close();
    });
  }

  /** Makes a test of each request: it is refused, no resolver runs, and no table and no stored file changes. */
  refuses(requests: readonly RefusedRequest[]): void {
    test.each(requests)('$name', async ({ send, status, code, message }) => {
      this.probe.calls = 0;
      const before = await this.everything();
      const refusal = await send();
      expect(refusal).toMatchObject({ status, code, message: expect.stringMatching(message) });
      // An error is small, whatever was sent.
      expect(refusal.bytes).toBeLessThan(2_000);
      expect(this.probe.calls).toBe(0);
      // The server removes what came of a broken upload in its own time, which may be after its answer.
      await expect.poll(() => this.everything(), { timeout: 10_000 }).toBe(before);
      expect(await this.api.graphql('{ viewer { actor } }')).toMatchObject({ status: 200 });
      expect(this.api.logged).toEqual([]);
    });
  }

  /** Sends an HTTP request with the admin token, unless `headers` have another. */
  http(method: string, path: string, body: string | undefined, headers: Record<string, string> = {}): Promise<Refusal> {
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
      const all = { authorization: `Bearer ${this.api.token}`, ...length, ...headers };
      const request = httpRequest(`${this.api.url}${path}`, { method, headers: all }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          const status = response.statusCode!;
          if (status < 400) return reject(new Error(`it was answered: ${text.slice(0, 200)}`));
          const { error, errors, data } = JSON.parse(text) as {
            errors?: { message: string; extensions: { code: string } }[];
            error?: { message: string; code: string };
            data?: unknown;
          };
          expect(data ?? null).toBeNull();
          const { message, code } = error ?? { message: errors![0]!.message, ...errors![0]!.extensions };
          resolve({ status, code, message, bytes: text.length });
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  graphql(query: unknown, more: object = {}): Promise<Refusal> {
    return this.http('POST', '/graphql', JSON.stringify({ query, ...more }));
  }

  upload(digest: string, body: string, headers: Record<string, string> = {}): Promise<Refusal> {
    return this.http('PUT', `/artifacts/${digest}`, body, { 'content-type': 'application/octet-stream', ...headers });
  }

  /** Sends bytes as they are, over a connection of their own. With `half` this side then ends it. */
  raw(head: string, { half = false } = {}): Promise<Refusal> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = new URL(this.api.url);
      const socket = connect(Number(port), hostname, () => (half ? socket.end(head) : socket.write(head)));
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('error', reject);
      socket.on('close', () => {
        const [, status, headers, body] = /^HTTP\/1\.1 (\d+) [^\r]+\r\n(.*?)\r\n\r\n(.*)$/s.exec(text) ?? [];
        if (body === undefined) return reject(new Error(`it was answered: ${text}`));
        expect(headers).toMatch(/^content-type: application\/json; charset=utf-8\r\n/im);
        const { error } = JSON.parse(body) as { error: { code: string; message: string } };
        expect(JSON.parse(body)).toEqual({ error: { code: error.code, message: error.message } });
        resolve({ status: Number(status), code: error.code, message: error.message, bytes: text.length });
      });
    });
  }

  /** The head of an upload, up to the headers that follow. */
  uploadHead(more: string): string {
    return `PUT /artifacts/${sha256('a')} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${this.api.token}\r\n${more}`;
  }

  /** Sends messages over a WebSocket (after a good `connection_init`, unless `raw`) and waits for an error message or the close. */
  socket(messages: readonly unknown[], { raw = false, protocol = 'graphql-transport-ws', to = this.api } = {}): Promise<Refusal> {
    return new Promise((resolve, reject) => {
      const ws = new WebSocket(to.webSocketUrl, protocol);
      const text = (message: unknown): string | Buffer => (typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
      const sendAll = (): void => messages.forEach((message) => ws.send(text(message)));
      const init = { type: 'connection_init', payload: { authorization: `Bearer ${this.api.token}` } };
      ws.on('open', () => (raw ? sendAll() : ws.send(JSON.stringify(init))));
      ws.on('message', (data) => {
        const message = JSON.parse(String(data)) as { type: string; payload?: { message: string; extensions: { code: string } }[] };
        if (message.type === 'connection_ack') sendAll();
        if (message.type === 'next') reject(new Error(`it was answered: ${String(data)}`));
        if (message.type !== 'error') return;
        const first = message.payload![0]!;
        resolve({ status: 0, code: first.extensions.code, message: first.message, bytes: String(data).length });
        ws.terminate();
      });
      ws.on('close', (code, reason) => resolve({ status: code, code: String(code), message: String(reason), bytes: 0 }));
      ws.on('error', () => undefined);
    });
  }

  /** Every table's rows and every stored file, as one digest. */
  private async everything(): Promise<string> {
    const { dataSource } = this.api.database;
    const tables: { name: string }[] = await dataSource.query(`SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`);
    const hash = createHash('sha256');
    for (const { name } of tables) hash.update(JSON.stringify([name, await dataSource.query(`SELECT t::text FROM "${name}" t ORDER BY 1`)]));
    hash.update(JSON.stringify((await readdir(this.registry.home, { recursive: true })).sort()));
    return hash.digest('hex');
  }
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
