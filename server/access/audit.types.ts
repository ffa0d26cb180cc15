/** Audit entries as GraphQL shows them. */
import { ArgsType, Field, ID, ObjectType } from 'type-graphql';
import { ConnectionArgs, connectionType } from '../api/conventions.types.js';
import { toNodeId } from '../api/node-id.js';
import { JsonObjectScalar } from '../api/scalars.js';
import type { AuditEntryEntity } from '../database/change.entities.js';

@ObjectType('AuditEntry', {
  description: 'One recorded change: who did what to which object. It is written in the transaction of the change and never altered.',
})
export class AuditEntryType {
  @Field(() => ID, { description: 'Position in the audit log, as a 64-bit integer.' }) id!: string;
  @Field(() => Date, { description: 'When the change was made.' }) at!: Date;
  @Field(() => String, { description: 'Who made the change: `token:<name>` for a caller, `system:<part>` for Pilothouse itself.' }) actor!: string;
  @Field(() => String, { description: 'The name of the mutation, or of the automatic action.' }) action!: string;
  @Field(() => String, { description: 'Type of the changed object.' }) objectType!: string;
  @Field(() => ID, { description: 'Id of the changed object. `node(id)` takes it while the object exists.' }) objectId!: string;
  @Field(() => ID, { nullable: true, description: "Id of the object's project. Null if the object belongs to no project." }) projectId!: string | null;
  @Field(() => JsonObjectScalar, { description: 'Details of the change. Never contains a secret.' }) detail!: Readonly<Record<string, unknown>>;
  /** Row id, for field resolvers of later features. */
  projectRowId!: string | null;
}
export const AuditEntryConnection = connectionType('AuditEntry', () => AuditEntryType);

@ArgsType()
export class AuditEntriesArgs extends ConnectionArgs {
  @Field(() => ID, { nullable: true, description: 'Only changes of the object with this id.' }) object?: string | null;
  @Field(() => String, { nullable: true, description: 'Only changes in the project of this name.' }) project?: string | null;
  @Field(() => String, { nullable: true, description: 'Only changes by this actor, such as `token:admin`.' }) actor?: string | null;
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
