import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Makes the epoch a key: a lock FOR KEY SHARE on its row conflicts with a new epoch, and not with a heartbeat. */
export class LeadershipEpoch1764500000000 implements MigrationInterface {
  name = 'LeadershipEpoch1764500000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE UNIQUE INDEX "IDX_6bf00ca1739e8be2cad6c5e06c" ON "leadership" ("epoch")`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP INDEX "public"."IDX_6bf00ca1739e8be2cad6c5e06c"`);
  }
}
