/**
 * One keep-alive connection that sends the same request again and again. It reads no more of an answer than its status and where it ends,
 * so that the generator costs less than what it measures; the answer's content was checked before the run.
 */
import { connect } from 'node:net';

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

export class Connection {
  #socket;
  #pending;
  #chunks = [];
  #length = 0;
  /** Bytes of the whole answer; undefined until its head is read, Infinity where chunks tell its end. */
  #wanted;
  #status = 0;

  /** @param {{ host: string, port: number, request: Buffer }} target */
  constructor({ host, port, request }) {
    this.request = request;
    this.target = { host, port };
  }

  /** Sends the request. @param done is called with the status, or 0 when the connection broke */
  send(done) {
    this.#pending = done;
    if (!this.#socket || this.#socket.destroyed) this.#open();
    this.#socket.write(this.request);
  }

  close() {
    this.#pending = undefined;
    this.#socket?.destroy();
  }

  #open() {
    this.#reset();
    const socket = connect({ ...this.target, noDelay: true });
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#socket === socket && this.#finish(0));
    this.#socket = socket;
  }

  #reset() {
    this.#chunks = [];
    this.#length = 0;
    this.#wanted = undefined;
  }

  #read(chunk) {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#wanted === undefined) this.#readHead();
    if (this.#wanted === undefined) return;
    const whole = this.#wanted === Infinity ? this.#endsWith(LAST_CHUNK) : this.#length >= this.#wanted;
    if (whole) this.#finish(this.#status);
  }

  #readHead() {
    const seen = Buffer.concat(this.#chunks);
    const end = seen.indexOf(END_OF_HEAD);
    if (end < 0) return;
    const head = seen.latin1Slice(0, end);
    this.#status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    this.#wanted = length === undefined ? Infinity : end + END_OF_HEAD.length + Number(length);
  }

  #endsWith(mark) {
    return Buffer.concat(this.#chunks.slice(-2)).subarray(-mark.length).equals(mark);
  }

  #finish(status) {
    const done = this.#pending;
    this.#pending = undefined;
    this.#reset();
    done?.(status);
  }
}

/** The bytes of a POST. */
export function requestBytes({ url, headers, body }) {
  const { host, pathname, search } = new URL(url);
  const lines = Object.entries({ Host: host, 'Content-Length': body.length, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`), body]);
}
