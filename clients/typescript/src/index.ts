/** @pilothouse/client for Node, Bun and Deno. */
export { connect, PilothouseClient } from './client.js';
export * from './exports.js';
