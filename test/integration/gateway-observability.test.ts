import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { status as grpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { COMMAND_MODEL, GatewayBench, publish, routeOf, targetOf, type TestReplica } from '../support/gateway.js';
import { GrpcClient, inferMessage } from '../support/grpc.js';
import { hasPromtool, promtoolObjections, samplesOf } from '../support/promtool.js';
import { startTraceCollector, type CollectedSpan } from '../support/trace-collector.js';

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

/** Until it is told that this is no HTTP. */
async function sayGarbage(url: string): Promise<void> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.end('no HTTP at all\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
}

describe('/metrics', () => {
  const scrape = async (url: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}/metrics`, { headers });
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
  };

  test('counts what was asked, and says what is there now', async () => {
    const gateway = await bench.gateway(db.url);
    for (let i = 0; i < 3; i++) expect((await gateway.command('wait:1')).status).toBe(200);
    expect((await gateway.command('wait:100', { parameters: { timeout: 1_000 } })).status).toBe(504);
    expect((await gateway.command('fail:no')).status).toBe(400);
    expect((await gateway.infer('m', '{}')).status).toBe(400);
    const { status, type, text } = await scrape(gateway.url);
    expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    const labels = { deployment: 'm', version: '3', worker: '0' };
    const value = (name: string, more: Record<string, string> = {}) => {
      const found = samplesOf(text, name).filter((sample) => Object.entries({ ...labels, ...more }).every(([label, is]) => sample.labels[label] === is));
      expect(found).toHaveLength(1);
      return found[0]!.value;
    };
    const counts = ['success', 'deadline_exceeded', 'invalid', 'overloaded'].map((outcome) => value('pilothouse_inference_requests_total', { outcome }));
    expect(counts).toEqual([3, 1, 2, 0]);
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

  test('counts error answers also where no target saw the request', async () => {
    const withToken = { headers: { authorization: `Bearer ${await addToken()}` } };
    const gateway = await bench.gateway(db.url, { PILOTHOUSE_GATEWAY_AUTH: 'required' });
    const client = new GrpcClient(`127.0.0.1:${gateway.grpcPort}`);
    expect((await gateway.command('wait:1')).status).toBe(401);
    expect((await gateway.infer('m', '{}')).status).toBe(401);
    expect((await gateway.infer('nobody', '{}', withToken)).status).toBe(404);
    expect((await fetch(`${gateway.url}/nowhere`, withToken)).status).toBe(404);
    await sayGarbage(gateway.url);
    await expect(client.call('ModelMetadata', { name: 'm' })).rejects.toMatchObject({ code: grpcStatus.UNAUTHENTICATED });
    client.close();
    const counted = samplesOf((await scrape(gateway.url)).text, 'pilothouse_gateway_error_responses_total');
    expect(counted.map(({ labels: { protocol, code, worker }, value }) => [protocol, code, worker, value])).toEqual([
      ['http', '401', '0', 2],
      ['http', '404', '0', 2],
      ['http', '400', '0', 1],
      ['grpc', 'UNAUTHENTICATED', '0', 1],
    ]);
    await gateway.kill();
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

describe('traces', () => {
  test('name the route that was called where a protocol has two', async () => {
    const collector = await startTraceCollector();
    const gateway = await bench.gateway(db.url, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, PILOTHOUSE_MLFLOW_DEPLOYMENT: 'm' });
    const paths = ['/deployments/m/invocations', '/invocations'];
    for (const path of paths)
      expect((await gateway.request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"inputs":["wait:1"]}' })).status).toBe(
        200,
      );
    expect(await gateway.stop()).toBe(0);
    collector.close();
    const servers = collector.spans.filter(({ kind }) => kind === 2);
    expect(servers.map(({ name, attributes }) => [name, attributes['http.route']]).sort()).toEqual([
      ['POST /deployments/{name}/invocations', '/deployments/{name}/invocations'],
      ['POST /invocations', '/invocations'],
    ]);
  });

  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
  const CALLER = '00f067aa0ba902b7';
  const from = (flags: string, more: Record<string, string> = {}) => ({ init: { headers: { traceparent: `00-${TRACE}-${CALLER}-${flags}`, ...more } } });

  test("a request that its caller samples has spans for its queue, its replica and the runtime, below the caller's", async () => {
    const collector = await startTraceCollector();
    const gateway = await bench.gateway(db.url, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue',
      OTEL_SERVICE_NAME: 'edge',
      OTEL_TRACES_SAMPLER: 'parentbased_always_off',
    });
    // Of these three, only what the caller samples: the others begin here, or say no.
    expect((await gateway.command('wait:1')).status).toBe(200);
    expect((await gateway.command('wait:1', from('00'))).status).toBe(200);
    expect((await gateway.command('wait:20', from('01', { tracestate: 'vendor=1', 'x-request-id': 'traced' }))).status).toBe(200);
    expect((await gateway.command('wait:100', { ...from('01'), parameters: { timeout: 1_000 } })).status).toBe(504);
    expect((await gateway.infer('m', '{}', from('01').init)).status).toBe(400);
    // Leaving sends what waits.
    expect(await gateway.stop()).toBe(0);
    const { spans, requests } = collector;
    collector.close();
    expect(requests.map(({ path, headers }) => [path, headers['x-tenant']])).toContainEqual(['/v1/traces', 'blue']);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
    const servers = spans.filter(({ kind }) => kind === 2);
    expect(servers).toHaveLength(3);
    for (const server of servers) expect(server).toMatchObject({ name: 'POST /v2/models/{model_name}/infer', parentSpanId: CALLER });

    const served = servers.find(({ attributes }) => attributes['pilothouse.request.id'] === 'traced')!;
    expect(served).toMatchObject({
      traceState: 'vendor=1',
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v2/models/{model_name}/infer',
        'http.response.status_code': 200,
        'pilothouse.protocol': 'oip-rest',
        'pilothouse.deployment': 'm',
        'pilothouse.version': 3,
      },
      resource: { 'service.name': 'edge', 'service.version': expect.any(String), 'service.instance.id': gateway.id },
    });
    expect(served.attributes).not.toHaveProperty('error.type');
    const below = (parent: CollectedSpan, name: string) => spans.find((span) => span.parentSpanId === parent.spanId && span.name === name)!;
    const [queue, sent] = [below(served, 'queue'), below(served, 'replica')];
    const runtime = below(sent, 'runtime');
    expect([queue.kind, sent.kind, runtime.kind]).toEqual([1, 3, 1]);
    expect(sent.attributes).toEqual({ 'pilothouse.replica.id': replica.replicaId });
    expect(runtime.attributes).toEqual({ 'pilothouse.batch.rows': 1, 'pilothouse.batch.requests': 1 });
    // One after the other, and inside one another; the runtime really waited.
    const order = [served.startMs, queue.endMs, sent.startMs, runtime.startMs, runtime.endMs, sent.endMs, served.endMs];
    order.reduce((before, next) => (expect(next).toBeGreaterThanOrEqual(before - 0.01), next));
    expect(runtime.endMs - runtime.startMs).toBeGreaterThan(15);

    const [late] = servers.filter(({ attributes }) => attributes['error.type'] === 'DEADLINE_EXCEEDED');
    expect(late).toMatchObject({ status: { code: 2, message: 'DEADLINE_EXCEEDED' }, attributes: { 'http.response.status_code': 504 } });
    // The caller's own mistake is no error of this server.
    const [mistaken] = servers.filter(({ attributes }) => attributes['error.type'] === 'INVALID');
    expect(mistaken).toMatchObject({ attributes: { 'http.response.status_code': 400 } });
    expect(mistaken!.status.code ?? 0).toBe(0);
  });

  test('over gRPC a span says which method was called, and with what status it ended', async () => {
    const collector = await startTraceCollector();
    const gateway = await bench.gateway(db.url, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const client = new GrpcClient(`127.0.0.1:${gateway.grpcPort}`);
    const command = (text: string) => inferMessage('m', [{ name: 'command', datatype: 'BYTES', shape: [1], data: [Buffer.from(text)] }]);
    await client.call('ModelInfer', command('wait:1'));
    await client.call('ModelInfer', inferMessage('m', [])).catch(() => undefined);
    const stream = client.stream();
    stream.on('data', () => undefined);
    stream.write(command('fail:no'));
    stream.end();
    await once(stream, 'end');
    client.close();
    expect(await gateway.stop()).toBe(0);
    collector.close();
    // Exports may overtake one another.
    const servers = collector.spans.filter(({ kind }) => kind === 2).sort((a, b) => a.startMs - b.startMs);
    expect(servers.map(({ name, attributes }) => [name, attributes['rpc.method'], attributes['rpc.grpc.status_code']])).toEqual([
      ['inference.GRPCInferenceService/ModelInfer', 'ModelInfer', 0],
      ['inference.GRPCInferenceService/ModelInfer', 'ModelInfer', 3],
      ['inference.GRPCInferenceService/ModelStreamInfer', 'ModelStreamInfer', 3],
    ]);
  });

  test('a trace begins here where the sampler says so; nothing is sent when tracing is switched off', async () => {
    const collector = await startTraceCollector();
    const endpoint = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/own/path` };
    const off = await bench.gateway(db.url, { ...endpoint, OTEL_SDK_DISABLED: 'true' });
    expect((await off.command('wait:1', from('01'))).status).toBe(200);
    expect(await off.stop()).toBe(0);
    expect(collector.requests).toEqual([]);
    const on = await bench.gateway(db.url, endpoint);
    expect((await on.command('wait:1')).status).toBe(200);
    expect(await on.stop()).toBe(0);
    expect(collector.requests.map(({ path }) => path)).toContain('/own/path');
    expect(collector.spans.map(({ name }) => name).sort()).toEqual(['POST /v2/models/{model_name}/infer', 'queue', 'replica', 'runtime']);
    expect(collector.spans[0]!.traceId).not.toBe(TRACE);
    expect(collector.spans[0]!.resource['service.name']).toBe('pilothouse-gateway');
    collector.close();
  });

  test('a collector that is not there harms nothing, and a gateway leaves without it', async () => {
    const gateway = await bench.gateway(db.url, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => gateway.command('wait:1')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await gateway.stop()).toBe(0);
  });
});

describe('the access log', () => {
  test('has a line for each request that is drawn, whole when the gateway has left', async () => {
    const gateway = await bench.gateway(db.url, { PILOTHOUSE_ACCESS_LOG_SAMPLE: '1' });
    expect((await gateway.command('wait:5', { init: { headers: { 'x-request-id': 'logged' } } })).status).toBe(200);
    expect((await gateway.command('fail:no', { init: { headers: { 'x-request-id': 'failed' } } })).status).toBe(400);
    expect((await gateway.command('wait:1', { model: 'nobody', init: { headers: { 'x-request-id': 'nowhere' } } })).status).toBe(404);
    expect(await gateway.stop()).toBe(0);
    const lines = readFileSync(join(bench.home, 'logs', 'gateway-access.log'), 'utf8')
      .split('\n')
      .filter(Boolean);
    const find = (requestId: string) => lines.map((line) => JSON.parse(line) as Record<string, number>).find((line) => String(line['requestId']) === requestId);
    const line = find('logged')!;
    expect(line).toMatchObject({
      protocol: 'oip-rest',
      model: 'm',
      version: 3,
      outcome: 'SUCCESS',
      batchRows: 1,
      replica: replica.replicaId,
      responseBytes: 10,
    });
    expect(line['totalMs']).toBeGreaterThanOrEqual(line['queueMs']! + line['computeMs']!);
    expect(find('failed')).toMatchObject({ outcome: 'INVALID' });
    expect(find('nowhere')).toMatchObject({ model: 'nobody', outcome: 'NOT_FOUND' });
  });
});
