import { expect, test } from 'vitest';
import { EMBEDDED_MAX_CONNECTIONS, planConnections } from '../../../server/database/connection-plan.js';

const plan = (limit: number, gateways: number, servers = 1) => planConnections({ limit, limitedBy: 'max_connections', gateways, servers });

test.each([
  ['one gateway on a PostgreSQL as it is installed', 97, 1, 1, { serverPool: 20, gatewayPool: 3 }],
  ['sixteen', 97, 16, 1, { serverPool: 19, gatewayPool: 2 }],
  ['as many as fit', 97, 37, 1, { serverPool: 6, gatewayPool: 1 }],
  ['as many as there may be, on the PostgreSQL that comes along', EMBEDDED_MAX_CONNECTIONS - 3, 64, 1, { serverPool: 20, gatewayPool: 2 }],
  ['four servers', 97, 1, 4, { serverPool: 19, gatewayPool: 3 }],
])('%s', (_what, limit, gateways, servers, pools) => expect(plan(limit, gateways, servers)).toEqual(pools));

test('whatever is planned fits', () => {
  for (let limit = 30; limit < 500; limit += 7)
    for (const gateways of [1, 2, 7, 40, 64])
      for (const servers of [1, 2, 3]) {
        let pools;
        try {
          pools = plan(limit, gateways, servers);
        } catch {
          continue;
        }
        expect(Math.max(servers, 2) * (pools.serverPool + 3) + gateways * (pools.gatewayPool + 1)).toBeLessThanOrEqual(limit - 5);
      }
});

test('what does not fit is refused, with what would', () => {
  expect(() => plan(97, 40)).toThrow(
    'the database allows 97 connections (max_connections), and 40 gateway processes (PILOTHOUSE_GATEWAYS) and 2 servers need at least 103; set PILOTHOUSE_GATEWAYS to at most 37, or raise max_connections by 6',
  );
  expect(plan(97, 37)).toBeDefined();
  expect(plan(103, 40)).toBeDefined();
  expect(() => plan(20, 1)).toThrow('need at least 25; raise max_connections by 5');
});
