import { Column, Entity, Index, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';
import { timestampColumn } from '../database/columns.js';

/** A bearer token. Only its SHA-256 is kept: 256 random bits need no slow hash, and the gateway checks one on every request. */
@Entity('api_token')
export class ApiTokenEntity {
  @PrimaryColumn('uuid') id!: string;
  /** Never used twice, so that `token:<name>` in the audit log always means one token. */
  @Column('text', { unique: true }) name!: string;
  /** SHA-256 of the token, in hexadecimal. */
  @Column('text', { unique: true }) hash!: string;
  @Column('text') createdBy!: string;
  @Column(timestampColumn) createdAt!: Date;
  @Column({ ...timestampColumn, nullable: true }) revokedAt!: Date | null;
}

/** Who did what to what. Appended in the transaction of the change itself, never changed. */
@Entity('audit_entry')
@Index(['objectType', 'objectId'])
export class AuditEntryEntity {
  @PrimaryGeneratedColumn({ type: 'bigint' }) sequence!: string;
  @Column(timestampColumn) at!: Date;
  /** `token:<name>` for a caller, `system:<part>` for what Pilothouse decides itself. */
  @Column('text') actor!: string;
  /** The mutation's name, or the automatic action's. */
  @Column('text') action!: string;
  @Column('text') objectType!: string;
  @Column('uuid') objectId!: string;
  @Column('uuid', { nullable: true }) projectId!: string | null;
  /** What the change was; never a secret. */
  @Column('jsonb') detail!: Record<string, unknown>;
}

/** What a mutation with an `idempotencyKey` made, so that its repetition answers the same and makes nothing. */
@Entity('idempotency_record')
export class IdempotencyRecordEntity {
  @PrimaryColumn('text') actor!: string;
  @PrimaryColumn('text') key!: string;
  @Column('text') operation!: string;
  /** SHA-256 of the canonical JSON of the input, without the key. */
  @Column('text') inputDigest!: string;
  @Column('uuid') objectId!: string;
  @Column(timestampColumn) createdAt!: Date;
}
