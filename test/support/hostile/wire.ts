/** Sends the requests of the hostile-callers test over HTTP, and reads the answers. */
import { Agent, request } from 'node:http';
import type { Value, ValueType } from './question.js';

export interface Reply {
  /** 0 where no answer came. */
  readonly status: number;
  readonly outputs: readonly Value[];
  /** The error, or what the answer looks like. */
  readonly text: string;
}

interface Output {
  readonly name: string;
  readonly datatype: ValueType;
  readonly shape: number[];
  readonly data?: (number | string | boolean)[];
  readonly parameters?: { readonly binary_data_size?: number };
}

const bytesOf = ({ datatype, data }: Value): Buffer => {
  if (datatype === 'INT64') return Buffer.from(BigInt64Array.from(data, BigInt).buffer);
  if (datatype === 'INT32') return Buffer.from(Int32Array.from(data).buffer);
  if (datatype === 'BOOL') return Buffer.from(Uint8Array.from(data));
  return Buffer.from(Float32Array.from(data).buffer);
};

function numbersOf(datatype: ValueType, bytes: Buffer): number[] {
  const { buffer } = Uint8Array.from(bytes);
  if (datatype === 'INT64') return Array.from(new BigInt64Array(buffer), Number);
  if (datatype === 'INT32') return [...new Int32Array(buffer)];
  return datatype === 'BOOL' ? [...bytes] : [...new Float32Array(buffer)];
}

export class Wire {
  private readonly agent = new Agent({ keepAlive: true });

  constructor(private readonly url: string) {}

  close(): void {
    this.agent.destroy();
  }

  json(model: string, inputs: readonly object[]): Promise<Reply> {
    return this.post(model, Buffer.from(JSON.stringify({ inputs })));
  }

  /** Numbers as bytes after the JSON, both ways. */
  binary(model: string, inputs: readonly Value[]): Promise<Reply> {
    const parts = inputs.map(bytesOf);
    const described = inputs.map(({ name, datatype, shape }, i) => ({ name, datatype, shape, parameters: { binary_data_size: parts[i]!.length } }));
    const head = Buffer.from(JSON.stringify({ inputs: described, parameters: { binary_data_output: true } }));
    return this.post(model, Buffer.concat([head, ...parts]), head.length);
  }

  private post(model: string, body: Buffer, head?: number): Promise<Reply> {
    const headers = { 'Content-Length': body.length, ...(head !== undefined && { 'Inference-Header-Content-Length': head }) };
    return new Promise((resolve) => {
      const failed = (error: Error) => resolve({ status: 0, outputs: [], text: error.message });
      const call = request(`${this.url}/v2/models/${model}/infer`, { agent: this.agent, method: 'POST', headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => void chunks.push(chunk)).on('error', failed);
        response.on('end', () => resolve(replyOf(response.statusCode!, Buffer.concat(chunks), response.headers['inference-header-content-length'])));
      });
      call.on('error', failed);
      call.end(body);
    });
  }
}

function replyOf(status: number, body: Buffer, head: string | string[] | undefined): Reply {
  const length = head === undefined ? body.length : Number(head);
  const text = body.toString('utf8', 0, length);
  if (status !== 200) return { status, outputs: [], text };
  let at = length;
  const outputs = (JSON.parse(text) as { outputs: Output[] }).outputs.map(({ name, datatype, shape, data, parameters }): Value => {
    if (data) return { name, datatype, shape, data: data.map(Number) };
    const from = at;
    at += parameters?.binary_data_size ?? 0;
    return { name, datatype, shape, data: numbersOf(datatype, body.subarray(from, at)) };
  });
  return { status, outputs, text };
}
