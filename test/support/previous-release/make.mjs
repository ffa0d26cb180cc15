/**
 * Writes what the previous release leaves behind: `database.sql` (its whole schema and every row) and `home/` (the artifacts and the
 * operator's token). `test/integration/upgrade.test.ts` starts this release over them.
 *
 *   git archive <commit of the release> | tar -x -C /tmp/previous
 *   ln -s "$PWD/node_modules" /tmp/previous/node_modules && npm run build --prefix /tmp/previous
 *   npm run build && node test/support/previous-release/make.mjs /tmp/previous
 */
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { pino } from 'pino';
import { EmbeddedPostgres } from '../../../dist/server/database/embedded-postgres.js';
import { dumpDatabase } from './dump.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const WAIT_MS = 120_000;

const release = process.argv[2] && resolve(process.argv[2]);
if (!release || !existsSync(join(release, 'dist'))) {
  console.error('usage: node test/support/previous-release/make.mjs <folder of the previous release, built>');
  process.exit(1);
}

async function until(what, look) {
  for (const end = Date.now() + WAIT_MS; ;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what} did not come true within ${WAIT_MS} ms`);
    await delay(100);
  }
}

/** A caller of the running release's GraphQL. */
function callerOf(url, token) {
  const headers = { authorization: `Bearer ${token}` };
  const graphql = async (query, variables = {}) => {
    const body = JSON.stringify({ query, variables });
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body });
    const { data, errors } = await response.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  const mutate = async (mutation, object, input) => {
    const type = `${mutation[0].toUpperCase()}${mutation.slice(1)}Input!`;
    const data = await graphql(`mutation ($input: ${type}) { ${mutation}(input: $input) { ${object} userErrors { message } } }`, { input });
    if (data[mutation].userErrors.length > 0) throw new Error(`${mutation}: ${data[mutation].userErrors[0].message}`);
    return Object.values(data[mutation])[0];
  };
  const upload = async (bytes) => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    const response = await fetch(`${url}/artifacts/${digest}`, { method: 'PUT', headers, body: bytes });
    if (!response.ok) throw new Error(await response.text());
    return digest;
  };
  const phase = (name, wanted, project = 'default') =>
    until(`${project}/${name} is ${wanted}`, async () => {
      const { deployment } = await graphql('query ($project: String!, $name: String!) { deployment(project: $project, name: $name) { phase } }', {
        project,
        name,
      });
      return (deployment?.phase ?? 'DELETED') === wanted;
    });
  return { graphql, mutate, upload, phase };
}

/** One row at least in every table, beside what the samples make. */
async function fill({ graphql, mutate, upload, phase }, gatewayUrl) {
  for (const name of ['digits', 'iris']) await phase(name, 'READY');
  await mutate('createProject', 'project { id }', { name: 'vision', description: 'Pictures.', idempotencyKey: 'project-vision' });
  await mutate('createModel', 'model { id }', { project: 'vision', name: 'my_model', description: 'With an underscore.' });
  const digits = await upload(readFileSync(join(release, 'server', 'samples', 'digits', 'digits.onnx')));
  const broken = await upload(Buffer.from('this is no model'));
  const lineage = { dataset: { name: 'digits' }, metrics: { accuracy: 0.97 }, hyperparameters: { depth: 3 } };
  const files = (digest) => [{ path: 'model.onnx', digest }];
  await mutate('createVersion', 'version { id }', { project: 'vision', model: 'my_model', files: files(digits), description: 'first', lineage });
  await mutate('createVersion', 'version { id }', { project: 'vision', model: 'my_model', files: files(broken), description: 'cannot be loaded' });
  await until('the versions are validated', async () => {
    const { versions } = await graphql('{ versions(project: "vision", model: "my_model") { nodes { state } } }');
    return versions.nodes.every(({ state }) => state !== 'VALIDATING');
  });
  const target = { model: 'my_model', version: 1 };
  await mutate('deploy', 'deployment { id }', { project: 'vision', name: 'digits', targets: [target], threads: 2, maxBatchSize: 8 });
  await phase('digits', 'READY', 'vision');
  await mutate('deploy', 'deployment { id }', { project: 'vision', name: 'digits', timeoutMs: 20_000, reason: 'shorter' });
  await mutate('deploy', 'deployment { id }', { project: 'vision', name: 'gone', targets: [target] });
  await mutate('deleteDeployment', 'deployment { id }', { deployment: { project: 'vision', name: 'gone' } });
  await phase('gone', 'DELETED', 'vision');
  await phase('digits', 'READY', 'vision');
  await mutate('setScalingPolicy', 'scalingPolicy { id }', { deployment: { name: 'iris' }, minReplicas: 1, maxReplicas: 3, targetInFlight: 4 });
  await mutate('createToken', 'token { id }', { name: 'deploy-bot' });
  await mutate('revokeToken', 'token { id }', { id: (await mutate('createToken', 'token { id }', { name: 'left-the-team' })).id });
  const monitor = { deployment: { name: 'digits' }, name: 'latency', cron: '0 0 1 1 *', metric: 'LATENCY', quantile: 0.99, minimumRequests: 1 };
  const { id } = await mutate('createMonitor', 'monitor { id }', monitor);
  await mutate('createAlertRule', 'alertRule { id }', { monitor: id, name: 'slow', threshold: 0, severity: 'CRITICAL' });
  await until('an alert fires', async () => {
    const inputs = [{ name: 'pixels', datatype: 'FP32', shape: [1, 64], data: new Array(64).fill(0) }];
    const answer = await fetch(`${gatewayUrl}/v2/models/digits/infer`, { method: 'POST', body: JSON.stringify({ inputs }) });
    if (!answer.ok) throw new Error(await answer.text());
    await mutate('runMonitor', 'run { id }', { id });
    await delay(1_000);
    return (await graphql('{ alerts { nodes { state } } }')).alerts.nodes.length > 0;
  });
}

const folder = mkdtempSync(join(tmpdir(), 'pilothouse-previous-'));
const home = join(folder, 'home');
const postgres = await EmbeddedPostgres.start({ home: join(folder, 'database'), log: pino({ level: 'silent' }), settings: { fsync: 'off' } });
const client = new pg.Client({ connectionString: postgres.url });
await client.connect();
const name = `previous_${randomUUID().replaceAll('-', '')}`;
await client.query(`CREATE DATABASE ${name}`);
const url = new URL(postgres.url);
url.pathname = `/${name}`;
try {
  const ports = { PILOTHOUSE_PORT: '0', PILOTHOUSE_HTTP_PORT: '0', PILOTHOUSE_GRPC_PORT: '0' };
  const env = { ...process.env, ...ports, PILOTHOUSE_HOME: home, DATABASE_URL: url.href };
  const server = spawn(process.execPath, [join(release, 'dist', 'bundle', 'server', 'main.js')], { cwd: release, env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((done) => server.once('exit', done));
  try {
    const endpoints = await until('the release is ready', async () => {
      const path = join(home, 'run', 'endpoints.json');
      if (!existsSync(path)) return undefined;
      const addresses = JSON.parse(readFileSync(path, 'utf8'));
      return (await fetch(`${addresses.control}/readyz`).catch(() => ({ ok: false }))).ok ? addresses : undefined;
    });
    await fill(callerOf(endpoints.control, readFileSync(join(home, 'admin-token'), 'utf8').trim()), endpoints.http);
  } finally {
    server.kill('SIGTERM');
    await ended;
  }
  const dump = await dumpDatabase(url.href);
  // Where it was made is nobody's business.
  const hosts = new RegExp(`[0-9a-f]{32}/${hostname()}|${hostname()}(?=:\\d)`, 'g');
  writeFileSync(join(HERE, 'database.sql'), dump.replaceAll(home, '/var/lib/pilothouse').replaceAll(hosts, 'previous-host'));
  rmSync(join(HERE, 'home'), { recursive: true, force: true });
  cpSync(join(home, 'artifacts'), join(HERE, 'home', 'artifacts'), { recursive: true });
  cpSync(join(home, 'admin-token'), join(HERE, 'home', 'admin-token'));
} finally {
  await client.end();
  await postgres.stop({ force: true });
  rmSync(folder, { recursive: true, force: true });
}
