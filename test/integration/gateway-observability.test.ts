import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { COMMAND_MODEL, GatewayBench, publish, routeOf, targetOf, type TestReplica } from '../support/gateway.js';
import { hasPromtool, promtoolObjections, samplesOf } from '../support/promtool.js';

let db: TestDatabase;
let bench: GatewayBench;
let replica: TestReplica;

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  replica = await bench.replica(COMMAND_MODEL);
  const gone = { replicaId: randomUUID(), address: `unix:${replica.socketPath}.gone` };
  const target = targetOf([replica], { versionNumber: 3 });
  await publish(db.url, [routeOf([{ ...target, replicas: [...target.replicas, gone] }])]);
});
afterAll(async () => {
  await bench.close();
  await db.drop();
});

/** A caller's token, known to the gateways that start after it. */
async function addToken(): Promise<string> {
  const token = `token-${randomUUID()}`;
  await db.dataSource.query('INSERT INTO api_token (id, name, hash, created_by, created_at) VALUES ($1, $2, $3, $4, now())', [
    randomUUID(),
    token,
    createHash('sha256').update(token).digest('hex'),
    'system:test',
  ]);
  return token;
}

describe('/metrics', () => {
  const scrape = async (url: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}/metrics`, { headers });
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
  };

  test('counts what was asked, and says what is there now', async () => {
    const gateway = await bench.gateway(db.url);
    for (let i = 0; i < 3; i++) expect((await gateway.command('wait:1')).status).toBe(200);
    expect((await gateway.command('fail:no')).status).toBe(500);
    expect((await gateway.infer('m', '{}')).status).toBe(400);
    const { status, type, text } = await scrape(gateway.url);
    expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    const labels = { deployment: 'm', version: '3', worker: '0' };
    const value = (name: string, more: Record<string, string> = {}) => {
      const found = samplesOf(text, name).filter((sample) => Object.entries({ ...labels, ...more }).every(([label, is]) => sample.labels[label] === is));
      expect(found).toHaveLength(1);
      return found[0]!.value;
    };
    const counts = ['success', 'runtime_failed', 'invalid', 'overloaded'].map((outcome) => value('pilothouse_inference_requests_total', { outcome }));
    expect(counts).toEqual([3, 1, 1, 0]);
    expect(value('pilothouse_inference_duration_seconds_count')).toBe(4);
    expect([value('pilothouse_inference_queue_duration_seconds_count'), value('pilothouse_inference_compute_duration_seconds_count')]).toEqual([3, 3]);
    expect(value('pilothouse_inference_compute_duration_seconds_sum')).toBeGreaterThan(0.002);
    expect(value('pilothouse_inference_compute_duration_seconds_sum')).toBeLessThan(value('pilothouse_inference_duration_seconds_sum'));
    expect(value('pilothouse_inference_batch_size_count')).toBeGreaterThan(0);
    // "wait:1" as a byte string with its length, three times; the body around it is longer.
    expect(value('pilothouse_inference_response_bytes_total')).toBe(3 * (4 + 6));
    expect(value('pilothouse_inference_request_bytes_total')).toBeGreaterThan(3 * 40);
    expect([value('pilothouse_inference_in_flight'), value('pilothouse_inference_queued')]).toEqual([0, 0]);
    expect(['usable', 'unusable'].map((state) => value('pilothouse_inference_replicas', { state }))).toEqual([1, 1]);
    expect(samplesOf(text, 'pilothouse_build_info')).toEqual([{ labels: { version: expect.stringMatching(/^\d+\.\d+\.\d+/), worker: '0' }, value: 1 }]);
    expect(samplesOf(text, 'process_cpu_seconds_total')[0]!.value).toBeGreaterThan(0);
    expect(await gateway.stop()).toBe(0);
  });

  test.skipIf(!hasPromtool)('is what Prometheus expects (skipped where promtool is not installed)', async () => {
    const gateway = await bench.gateway(db.url);
    await gateway.command('wait:1');
    expect(promtoolObjections((await scrape(gateway.url)).text)).toBe('');
    await gateway.kill();
  });

  test('is open on loopback even where inferences want a token, and wants one beyond', async () => {
    const token = await addToken();
    const near = await bench.gateway(db.url, { PILOTHOUSE_GATEWAY_AUTH: 'required' });
    expect((await near.command('wait:1')).status).toBe(401);
    expect((await scrape(near.url)).status).toBe(200);
    await near.kill();
    const far = await bench.gateway(db.url, { PILOTHOUSE_HOST: '0.0.0.0' });
    expect(await scrape(far.url)).toMatchObject({ status: 401, text: expect.not.stringContaining('pilothouse_inference') });
    expect(await scrape(far.url, { authorization: `Bearer ${token}` })).toMatchObject({ status: 200, text: expect.stringContaining('pilothouse_inference') });
    await far.kill();
  });
});
