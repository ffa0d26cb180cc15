import { AuditEntryEntity } from '../database/change.entities.js';
import { ApiTokenEntity, IdempotencyRecordEntity } from './access.entities.js';

/** Tokens, the audit log, idempotency keys. */
export const access = {
  entities: [ApiTokenEntity, AuditEntryEntity, IdempotencyRecordEntity],
  load: async () => {
    const { ACCESS_RESOLVERS, createAccess } = await import('./access.js');
    return { resolvers: ACCESS_RESOLVERS, create: createAccess };
  },
};
