import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What computed when a version was validated. Null for the versions that are there: it was not recorded. */
export class VersionBackend1764400000000 implements MigrationInterface {
  name = 'VersionBackend1764400000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "version" ADD "backend" jsonb`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "version" DROP COLUMN "backend"`);
  }
}
