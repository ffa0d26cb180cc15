import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Aliases of models, and the history of their moves. */
export class Aliases1764700000000 implements MigrationInterface {
  name = 'Aliases1764700000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [
      `CREATE TABLE "alias" ("id" uuid NOT NULL, "model_id" uuid NOT NULL, "name" text NOT NULL, "version_id" uuid NOT NULL, "move_count" integer NOT NULL, "moved_by" text NOT NULL, "moved_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, CONSTRAINT "UQ_0307d922919dbb407cc905433da" UNIQUE ("model_id", "name"), CONSTRAINT "PK_b1848d04b41d10a5712fc2e673c" PRIMARY KEY ("id"))`,
      `CREATE INDEX "IDX_964c12ff12631adc99dbe09ce7" ON "alias" ("version_id")`,
      `CREATE TABLE "alias_move" ("id" uuid NOT NULL, "alias_id" uuid NOT NULL, "number" integer NOT NULL, "from_version_id" uuid, "to_version_id" uuid NOT NULL, "actor" text NOT NULL, "reason" text NOT NULL DEFAULT '', "at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, CONSTRAINT "UQ_2dd56c466d08be4e119674c0f0d" UNIQUE ("alias_id", "number"), CONSTRAINT "PK_a8ba8c769f74b09c3b60b8a2da3" PRIMARY KEY ("id"))`,
      `ALTER TABLE "alias" ADD CONSTRAINT "FK_07dca467570bc1042d51c9e11ed" FOREIGN KEY ("model_id") REFERENCES "model"("id") ON DELETE NO ACTION ON UPDATE NO ACTION`,
      `ALTER TABLE "alias" ADD CONSTRAINT "FK_964c12ff12631adc99dbe09ce7a" FOREIGN KEY ("version_id") REFERENCES "version"("id") ON DELETE NO ACTION ON UPDATE NO ACTION`,
      `ALTER TABLE "alias_move" ADD CONSTRAINT "FK_f3a8818bc97fe946be3fd8e29da" FOREIGN KEY ("alias_id") REFERENCES "alias"("id") ON DELETE NO ACTION ON UPDATE NO ACTION`,
    ])
      await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE "alias_move"`);
    await queryRunner.query(`DROP TABLE "alias"`);
  }
}
