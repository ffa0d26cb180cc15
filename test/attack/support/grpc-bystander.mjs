/** A process of its own that infers over gRPC, as an ordinary client does. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials, loadPackageDefinition, Metadata, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const PROTO = join(import.meta.dirname, '..', '..', '..', 'server', 'gateway', 'grpc', 'open-inference.proto');
const PATIENCE_MS = 30_000;
const { grpc, authorization, seconds } = JSON.parse(process.argv[2]);
const { GRPCInferenceService: Service } = loadPackageDefinition(loadSync(PROTO, { keepCase: true })).inference;
const client = new Service(grpc, credentials.createInsecure());
const metadata = new Metadata();
metadata.set('authorization', authorization);
const request = {
  model_name: 'digits',
  inputs: [{ name: 'pixels', datatype: 'FP32', shape: [1, 64], contents: { fp32_contents: Array.from({ length: 64 }, (_, i) => i % 16) } }],
};

const times = [];
const failures = {};
for (const until = performance.now() + seconds * 1_000; performance.now() < until; await delay(20)) {
  const started = performance.now();
  const error = await new Promise((resolve) => client.ModelInfer(request, metadata, { deadline: Date.now() + PATIENCE_MS }, resolve));
  times.push(performance.now() - started);
  if (error) failures[status[error.code]] = (failures[status[error.code]] ?? 0) + 1;
}
times.sort((a, b) => a - b);
const at = (share) => Number((times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0).toFixed(1));
process.send({ count: times.length, failures, p50: at(0.5), p99: at(0.99), max: at(1) }, () => process.exit());
