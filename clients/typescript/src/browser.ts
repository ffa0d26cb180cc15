/** @pilothouse/client for browsers. */
import { browserPlatform } from './browser-platform.js';
import { PortableClient } from './portable-client.js';
import type { ConnectOptions } from './requests.js';

export * from './exports.js';

export class PilothouseClient extends PortableClient {
  constructor(options: ConnectOptions) {
    super(options, browserPlatform);
  }
}

export const connect = (options: ConnectOptions): PilothouseClient => new PilothouseClient(options);
