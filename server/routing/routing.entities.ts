import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { bigintColumn, timestampColumn } from '../database/columns.js';
import type { RouteDocument } from './route-document.js';

/** What gateways need to serve one deployment. */
@Entity('route')
export class RouteEntity {
  @PrimaryColumn('uuid') deploymentId!: string;
  /** The table's version when this route last changed. */
  @Index() @Column(bigintColumn) version!: number;
  @Column('jsonb') document!: RouteDocument;
  @Column(timestampColumn) updatedAt!: Date;
}

/** The one row that counts changes of the route table. Only the leader writes it, so no writers wait for each other. */
@Entity('route_table')
@Check('route_table_one_row', 'id = 1')
export class RouteTableEntity {
  @PrimaryColumn('int') id!: number;
  @Column(bigintColumn) version!: number;
}

/** A living gateway worker: what it serves, and since when. Written by the gateway itself. */
@Entity('gateway')
export class GatewayEntity {
  /** One start of one worker. */
  @PrimaryColumn('uuid') id!: string;
  @Column('int') pid!: number;
  @Column('text') host!: string;
  @Column(timestampColumn) startedAt!: Date;
  @Column(timestampColumn) heartbeatAt!: Date;
  /** The version of the route table that every new request of this gateway is routed by. */
  @Column({ ...bigintColumn, default: 0 }) acknowledgedVersion!: number;
  /** Requests under way by replica id, those routed by an older table included. */
  @Column('jsonb', { default: {} }) inFlight!: Readonly<Record<string, number>>;
}
