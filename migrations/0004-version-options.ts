import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a version is loaded with beside its files. Versions that are there have no options and no declared signature. */
export class VersionOptions1764600000000 implements MigrationInterface {
  name = 'VersionOptions1764600000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "version" ADD "runtime_options" jsonb NOT NULL DEFAULT '{}'`);
    await queryRunner.query(`ALTER TABLE "version" ADD "declared_signature" jsonb`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "version" DROP COLUMN "declared_signature"`);
    await queryRunner.query(`ALTER TABLE "version" DROP COLUMN "runtime_options"`);
  }
}
