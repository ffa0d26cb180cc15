import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { bigintColumn, timestampColumn } from '../database/columns.js';

/** What one gateway start saw of one target in one window. Repeating the write of a window changes nothing. */
@Entity('metric_window')
@Index(['deploymentId', 'windowStart'])
export class MetricWindowEntity {
  @PrimaryColumn('uuid') gatewayId!: string;
  @PrimaryColumn(timestampColumn) windowStart!: Date;
  @PrimaryColumn('uuid') deploymentId!: string;
  @PrimaryColumn('uuid') versionId!: string;
  @Column('int') windowMs!: number;
  @Column(bigintColumn) requests!: number;
  /** Failed requests by kind (`error-kinds.ts` lists the kinds). */
  @Column('jsonb') errors!: Readonly<Record<string, number>>;
  /** Counts by latency bucket (`histogram.ts` has the bounds); histograms of windows can be added up. */
  @Column('bigint', { array: true }) latency!: readonly string[];
  /** Of answered requests, from arrival to the replica they were sent to; by the same buckets. */
  @Column('bigint', { array: true }) queueTime!: readonly string[];
  /** Of answered requests, in the runtime; by the same buckets. */
  @Column('bigint', { array: true }) computeTime!: readonly string[];
  /** Batches that the runtime executed, and their rows. */
  @Column(bigintColumn) executions!: number;
  @Column(bigintColumn) rows!: number;
  /** Batches by their rows (`histogram.ts` has the bounds). */
  @Column('bigint', { array: true }) batchSizes!: readonly string[];
  /** Of answered requests: what came in, and the tensors that went out. */
  @Column(bigintColumn) requestBytes!: number;
  @Column(bigintColumn) responseBytes!: number;
  /** Sum over the window of in-flight requests, in request-milliseconds: divided by `windowMs` it is the mean. */
  @Column('double precision') inFlightMs!: number;
  @Column('int') inFlightMax!: number;
  @Column('double precision') queueMs!: number;
  @Column('int') queueMax!: number;
}
