/** The feature as features.ts lists it. */
import type { DataSource } from 'typeorm';
import type { ResolverClass } from '../api/create-schema.js';
import type { Config } from '../config.js';
import { NOTIFICATION } from '../database/notification-names.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import type { RunningFeature } from '../feature.js';
import { AuditResolver } from './audit.resolver.js';
import { AuditService } from './audit.service.js';
import { pruneIdempotencyRecords } from './idempotency.js';
import { TokenResolver } from './token.resolver.js';
import { TokenService } from './token.service.js';

export interface AccessOptions {
  readonly config: Pick<Config, 'home'>;
  readonly dataSource: DataSource;
  readonly work: UnitOfWork;
  /** Finds a project's row id by its name. */
  readonly projectId: (name: string) => Promise<string | undefined>;
}

export interface Access extends RunningFeature {
  readonly tokens: TokenService;
  /** Path of the file that holds the operator's token. */
  readonly adminTokenPath: string;
}

export const ACCESS_RESOLVERS: readonly ResolverClass[] = [AuditResolver, TokenResolver];

export async function createAccess({ config, dataSource, work, projectId }: AccessOptions): Promise<Access> {
  const tokens = new TokenService(work);
  const resolver = new TokenResolver(tokens);
  return {
    tokens,
    adminTokenPath: await tokens.ensureAdminToken(config.home),
    resolvers: [resolver, new AuditResolver(new AuditService(dataSource, projectId))],
    nodes: [resolver.nodes],
    wakes: { [NOTIFICATION.ROUTES]: () => tokens.invalidate() },
    tidy: (fence, now) => pruneIdempotencyRecords(dataSource, fence, now),
  };
}
