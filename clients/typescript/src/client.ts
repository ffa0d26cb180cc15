/** The client for Node, Bun and Deno. */
import { nodePlatform } from './node-platform.js';
import { PortableClient } from './portable-client.js';
import type { ConnectOptions } from './requests.js';

export type { DeploymentChange, DeploymentRef } from './deployments.js';
export type { NewVersion } from './registry.js';
export type { ConnectOptions, Document, WaitOptions } from './requests.js';

export class PilothouseClient extends PortableClient {
  constructor(options: ConnectOptions) {
    super(options, nodePlatform);
  }
}

export const connect = (options: ConnectOptions): PilothouseClient => new PilothouseClient(options);
