/** A process of its own that sends gRPC messages without their last bytes: half of the senders have no token. Refused ones begin again. */
import { connect } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';

const SENDERS = 8;
const BYTES = 64 * 1024 ** 2;
/** Together the strangers leave less than a small message needs, of the 512 MiB that all messages could have without a limit for each caller. */
const LACKING = 16;
const CHUNK = Buffer.alloc(64 * 1024);
const { grpc, attacker, seconds } = JSON.parse(process.argv[2]);
const until = performance.now() + seconds * 1_000;
const told = { begun: 0 };
/** Those with a token come when the strangers have taken what they can. */
const LATER_MS = seconds * 500;

const all = (headers) => Array.from({ length: SENDERS }, () => sendAgain(headers));
await Promise.all([...all({}), delay(LATER_MS).then(() => Promise.all(all({ authorization: attacker })))]);
process.send(told, () => process.exit());

async function sendAgain(headers) {
  while (performance.now() < until) {
    await sendOnce(headers);
    await delay(50);
  }
}

async function sendOnce(headers) {
  const session = connect(`http://${grpc}`);
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/inference.GRPCInferenceService/ModelInfer',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  let status = 'none';
  let over = false;
  const read = (given) => (status = given['grpc-status'] ?? status);
  stream
    .on('response', read)
    .on('trailers', read)
    .on('error', () => undefined)
    .resume();
  const end = new Promise((resolve) => stream.once('end', resolve).once('close', resolve)).then(() => (over = true));
  told.begun++;
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(BYTES, 1);
  stream.write(prefix);
  for (let left = BYTES - LACKING; left > 0 && !over && performance.now() < until; left -= CHUNK.length) {
    const piece = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
    if (!stream.write(piece)) await Promise.race([new Promise((resolve) => stream.once('drain', resolve)), end, delay(1_000)]);
  }
  await Promise.race([end, delay(Math.max(0, until - performance.now()))]);
  const who = headers.authorization ? 'token' : 'stranger';
  told[`${who} ${status}`] = (told[`${who} ${status}`] ?? 0) + 1;
  session.destroy();
}
