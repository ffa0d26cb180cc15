/** The registry as it is composed, over a test's database and a folder of its own. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pino, type Logger } from 'pino';
import type { UnitOfWork } from '../../server/database/unit-of-work.js';
import { sha256 } from '../../server/registry/digest.js';
import { createRegistry, type Registry } from '../../server/registry/registry.js';
import type { ValidationRequest, ValidationResult } from '../../server/registry/validation.js';

export type Validate = (request: ValidationRequest) => Promise<ValidationResult>;

/** A verdict, where a test is not about validation. */
export const READY: ValidationResult = {
  state: 'READY',
  signature: { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }], outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }] },
  backend: 'cpu',
  memoryBytes: 5_000_000_000,
  loadMs: 12.5,
  outputs: [],
  rowIndependence: { verdict: 'INDEPENDENT', reason: 'the test says so' },
};

/** A validation that goes on until its server stops. */
export const endless: Validate = ({ signal }) =>
  new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

export interface TestRegistryOptions {
  readonly work: UnitOfWork;
  readonly log?: Logger;
  /** Default: the real validation. */
  readonly validate?: Validate;
  /** A folder that another registry of the test uses too; else one of its own. */
  readonly home?: string;
  readonly scanMs?: number;
  /** Outside runtime plugins. */
  readonly runtimes?: readonly string[];
}

export interface TestRegistry extends Registry {
  readonly home: string;
  /** Uploads some bytes; answers their digest. */
  upload(content: string | Uint8Array): Promise<string>;
  /** A new model in `default`; answers its name. */
  newModel(): Promise<string>;
  close(): Promise<void>;
}

export async function createTestRegistry({
  work,
  validate,
  home: given,
  scanMs = 60_000,
  log = pino({ level: 'silent' }),
  runtimes = [],
}: TestRegistryOptions): Promise<TestRegistry> {
  const home = given ?? (await mkdtemp(join(tmpdir(), 'registry-')));
  const config = {
    home,
    runtimes,
    tfjsNodeCache: undefined,
    python: 'python3',
    maxArtifactBytes: 50 * 1024 ** 2,
    validationTimeoutMs: 30_000,
    validationMemoryBytes: 1024 ** 3,
  };
  const registry = await createRegistry({ config, dataSource: work.dataSource, work, log, scanMs, ...(validate && { validate }) });
  await registry.projects.ensureDefault('system:test');
  return {
    ...registry,
    home,
    upload: async (content) => {
      const digest = sha256(content);
      await registry.artifacts.receive('token:test', digest, Readable.from([Buffer.from(content)]));
      return digest;
    },
    newModel: async () => (await registry.models.create('token:test', { project: 'default', name: `m-${randomUUID().slice(0, 8)}`, description: '' })).name,
    close: async () => {
      await registry.validator.stop();
      if (!given) await rm(home, { recursive: true, force: true });
    },
  };
}
