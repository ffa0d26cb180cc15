import { expect, test } from 'vitest';
import { NodeHttpReader } from '../../../server/gateway/http/http-node-reader.js';
import { RequestParser } from '../../../server/gateway/http/http-parser.js';
import { chooseReader } from '../../../server/gateway/http/http-reader-choice.js';
import type { RequestListener } from '../../../server/gateway/http/http-request-reader.js';

const nothing = (): void => undefined;
const listener: RequestListener = { onBegin: nothing, onHead: nothing, onBody: nothing, onEnd: nothing };

test("Node's internal parser is used where it can be had", async () => {
  const choice = await chooseReader('auto');
  expect(choice.create(listener)).toBeInstanceOf(RequestParser);
  expect(choice).toMatchObject({ extensions: [] });
  expect(choice.reason).toBeUndefined();
});

test('node:http is used where the internal parser cannot be had, and shows', async () => {
  const choice = await chooseReader('auto', () => Promise.reject(new Error('No such built-in module: node:_http_common')));
  expect(choice.create(listener)).toBeInstanceOf(NodeHttpReader);
  expect(choice).toMatchObject({ extensions: ['node_http_reader'], reason: 'No such built-in module: node:_http_common' });
});

test('node:http is used where it is asked for', async () => {
  const choice = await chooseReader('node-http');
  expect(choice.create(listener)).toBeInstanceOf(NodeHttpReader);
  expect(choice.reason).toBe('PILOTHOUSE_HTTP_PARSER is "node-http"');
});
