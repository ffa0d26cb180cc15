import { Args, Query, Resolver } from 'type-graphql';
import { type Connection, toConnection } from '../api/conventions.types.js';
import { readNodeId } from '../api/node-id.js';
import { DomainError } from '../errors.js';
import type { AuditService } from './audit.service.js';
import { AuditEntriesArgs, AuditEntryConnection, AuditEntryType, toAuditEntry } from './audit.types.js';

@Resolver(() => AuditEntryType)
export class AuditResolver {
  constructor(private readonly audit: AuditService) {}

  @Query(() => AuditEntryConnection, { description: 'The audit log, newest first.' })
  async auditEntries(@Args(() => AuditEntriesArgs) { object, project, actor, ...page }: AuditEntriesArgs): Promise<Connection<AuditEntryType>> {
    return toConnection(await this.audit.list({ object: object == null ? undefined : readObject(object), project, actor }, page), toAuditEntry);
  }
}

function readObject(nodeId: string): { type: string; id: string } {
  const read = readNodeId(nodeId);
  if (!read) throw new DomainError('INVALID', `"${nodeId.slice(0, 80)}" is not the id of an object`, ['object']);
  return read;
}
