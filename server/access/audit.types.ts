/** Audit entries as GraphQL shows them. */
import { ArgsType, Field, ID, ObjectType } from 'type-graphql';
import { ConnectionArgs, connectionType } from '../api/conventions.types.js';
import { toNodeId } from '../api/node-id.js';
import { JsonObjectScalar } from '../api/scalars.js';
import type { AuditEntryEntity } from './access.entities.js';

@ObjectType('AuditEntry', { description: 'Who did what to what. Written in the transaction of the change itself, never changed.' })
export class AuditEntryType {
  @Field(() => ID, { description: 'Its place in the log, as a 64-bit integer.' }) id!: string;
  @Field(() => Date, { description: 'When.' }) at!: Date;
  @Field(() => String, { description: 'Who: `token:<name>` for a caller, `system:<part>` for what Pilothouse decided itself.' }) actor!: string;
  @Field(() => String, { description: 'What: the name of the mutation, or of the automatic action.' }) action!: string;
  @Field(() => String, { description: 'Type of the object it was done to.' }) objectType!: string;
  @Field(() => ID, { description: 'Id of the object it was done to; `node(id)` takes it while the object exists.' }) objectId!: string;
  @Field(() => ID, { nullable: true, description: "Id of the object's project; null for what belongs to none." }) projectId!: string | null;
  @Field(() => JsonObjectScalar, { description: 'What the change was. Never a secret.' }) detail!: Readonly<Record<string, unknown>>;
  /** Row id, for field resolvers of later features. */
  projectRowId!: string | null;
}
export const AuditEntryConnection = connectionType('AuditEntry', () => AuditEntryType);

@ArgsType()
export class AuditEntriesArgs extends ConnectionArgs {
  @Field(() => ID, { nullable: true, description: 'Only what was done to the object with this id.' }) object?: string | null;
  @Field(() => String, { nullable: true, description: 'Only what was done in the project of this name.' }) project?: string | null;
  @Field(() => String, { nullable: true, description: 'Only what this actor did: `token:admin`.' }) actor?: string | null;
}

export const toAuditEntry = (row: AuditEntryEntity): AuditEntryType =>
  Object.assign(new AuditEntryType(), {
    id: row.sequence,
    at: row.at,
    actor: row.actor,
    action: row.action,
    objectType: row.objectType,
    objectId: toNodeId(row.objectType, row.objectId),
    projectId: row.projectId === null ? null : toNodeId('Project', row.projectId),
    detail: row.detail,
    projectRowId: row.projectId,
  });
