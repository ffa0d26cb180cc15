/** An answer as it goes onto the wire. */
import { STATUS_CODES } from 'node:http';
import { KEEP_ALIVE_TIMEOUT_MS } from '../limits.js';

/** Less than the truth, so that a client who goes by it closes first: what it sent into a closing connection would be lost. */
const ANNOUNCED_SECONDS = KEEP_ALIVE_TIMEOUT_MS / 1000 - 5;
const KEEP_ALIVE = `Connection: keep-alive\r\nKeep-Alive: timeout=${ANNOUNCED_SECONDS}\r\n`;
const CLOSE = 'Connection: close\r\n';

export const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

let second = 0;
let dateLine = '';

/** @param fields names and values in turn; the gateway's own, so that none can hold a line break */
export function headLines(status: number, keepAlive: boolean, fields: readonly string[]): string {
  let lines = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${date()}${keepAlive ? KEEP_ALIVE : CLOSE}`;
  for (let i = 0; i < fields.length; i += 2) lines += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return `${lines}\r\n`;
}

function date(): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    dateLine = `Date: ${new Date(now * 1000).toUTCString()}\r\n`;
  }
  return dateLine;
}

/** @param size of text and binary together */
export function inOnePiece(text: string, binary: readonly Uint8Array[], size: number): Buffer {
  const whole = Buffer.allocUnsafe(size);
  let at = whole.write(text);
  for (const part of binary) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
