import { Column, Entity, PrimaryColumn } from 'typeorm';
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
