/** An ordinary caller with large requests: 64 MiB of binary tensor, at the speed of the machine, one after the other. */
import { request } from 'node:http';

const BYTES = 64 * 1024 ** 2;
const HEADER = JSON.stringify({
  // No model has such an input, so the request is received whole and then refused: with 400, which says so.
  inputs: [{ name: 'large', datatype: 'UINT8', shape: [1, BYTES], parameters: { binary_data_size: BYTES } }],
});
const TENSOR = Buffer.alloc(BYTES);

/** @returns how often it was heard out, and what else was answered */
export async function sendHonestly({ gateway, authorization, until, atOnce }) {
  const told = { heardOut: 0, others: {} };
  const sender = async () => {
    while (performance.now() < until) {
      const answer = await send(gateway, authorization);
      if (/^400 .*large/s.test(answer)) told.heardOut++;
      else told.others[answer.slice(0, 80)] = (told.others[answer.slice(0, 80)] ?? 0) + 1;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sender));
  return told;
}

function send(gateway, authorization) {
  return new Promise((resolve) => {
    const headers = { authorization, 'inference-header-content-length': HEADER.length, 'content-length': HEADER.length + BYTES };
    const sent = request(`${gateway}/v2/models/digits/infer`, { method: 'POST', agent: false, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve(`${response.statusCode} ${text}`)).on('error', (error) => resolve(error.message));
    });
    sent.on('error', (error) => resolve(error.code ?? error.message));
    sent.write(HEADER);
    sent.end(TENSOR);
  });
}
