/** Reads route documents one by one, so that one that cannot be read is refused alone and the others are served. */
import * as z from 'zod';
import type { RouteDocument } from './route-document.js';

export interface RefusedRoute {
  readonly deploymentId: string;
  /** What is wrong with the document, and where. */
  readonly reason: string;
  /** Generation that is served instead: of the last document that could be read; undefined where there was none. */
  readonly serving: number | undefined;
}

export interface ReadRoutes {
  readonly routes: readonly RouteDocument[];
  readonly refused: readonly RefusedRoute[];
}

const tensors = z.array(z.looseObject({ name: z.string(), datatype: z.string(), shape: z.array(z.number()).nullable() }));
const target = z.looseObject({
  versionId: z.string(),
  versionNumber: z.number(),
  versionDigest: z.string(),
  runtime: z.string(),
  format: z.string(),
  signature: z.looseObject({ inputs: tensors, outputs: tensors }),
  weight: z.number().min(0),
  shadowPercent: z.number().min(0),
  batching: z.looseObject({ maxBatchSize: z.number(), maxDelayMs: z.number() }).nullable(),
  replicas: z.array(z.looseObject({ replicaId: z.string(), address: z.string().regex(/^(unix|tcp):./, 'must be unix:<path> or tcp:<host>:<port>') })),
});
const document = z.looseObject({
  deploymentId: z.string(),
  name: z.string().min(1),
  project: z.string(),
  generation: z.number(),
  timeoutMs: z.number().positive(),
  maxConcurrency: z.number().positive(),
  maxQueue: z.number().min(0),
  stickyHeader: z.string().nullable(),
  targets: z.array(target),
});

/**
 * @param documents by deployment id, as they were stored
 * @param last the routes in force: of a document that is refused, the one before is served on
 */
export function readRoutes(documents: readonly (readonly [string, unknown])[], last: readonly RouteDocument[]): ReadRoutes {
  const routes: RouteDocument[] = [];
  const refused: RefusedRoute[] = [];
  for (const [deploymentId, stored] of documents) {
    const read = document.safeParse(stored);
    if (read.success && read.data.deploymentId === deploymentId) {
      routes.push(stored as RouteDocument);
      continue;
    }
    const before = last.find((route) => route.deploymentId === deploymentId);
    if (before) routes.push(before);
    refused.push({ deploymentId, reason: read.success ? `it names deployment ${read.data.deploymentId}` : reasonOf(read.error), serving: before?.generation });
  }
  return { routes, refused };
}

/** The first of the problems: the others are most often its consequences. */
function reasonOf({ issues }: z.ZodError): string {
  const { path, message } = issues[0]!;
  return path.length > 0 ? `${path.join('.')}: ${message}` : message;
}
