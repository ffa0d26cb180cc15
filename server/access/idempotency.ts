/** Mutations that may be repeated: the first makes the object, its repetitions answer with the same one. */
import { createHash } from 'node:crypto';
import type { DataSource } from 'typeorm';
import type { Fence } from '../database/leadership.js';
import { unstorable } from '../database/storable-text.js';
import type { Change } from '../database/unit-of-work.js';
import { DomainError } from '../errors.js';
import { IdempotencyRecordEntity } from './access.entities.js';
import { canonicalJson } from './canonical-json.js';

const MAX_KEY_LENGTH = 200;
const KEPT_MS = 7 * 86_400_000;
const NOBODY = '00000000-0000-0000-0000-000000000000';

export interface IdempotentCall {
  /** The mutation's name. */
  readonly operation: string;
  /** The caller's `idempotencyKey`; without one nothing is remembered. Keys of different actors do not meet. */
  readonly key: string | null | undefined;
  /** The mutation's input as it came; its own `idempotencyKey` does not count. */
  readonly input: object;
}

/**
 * Runs `make` once for a key, inside the caller's transaction. A repetition while the first is under way waits for it; when the
 * first fails, the repetition makes the object.
 * @param make makes the object and answers its row id. It must use `change.manager` alone: repetitions that wait hold connections
 * @returns the row id of what the first call made
 * @throws DomainError CONFLICT when the key came with another operation or input, INVALID for a malformed key
 */
export async function idempotent(change: Change, { operation, key, input }: IdempotentCall, make: () => Promise<string>): Promise<string> {
  if (key == null) return make();
  if (key.length === 0 || key.length > MAX_KEY_LENGTH) {
    throw new DomainError('INVALID', `idempotencyKey has ${key.length} characters; it must have 1 to ${MAX_KEY_LENGTH}`, ['idempotencyKey']);
  }
  const problem = unstorable(key);
  if (problem) throw new DomainError('INVALID', `idempotencyKey ${problem}`, ['idempotencyKey']);
  const { manager, actor } = change;
  change.repeatableBy(key);
  const inputDigest = digest(input);
  // Waits for a transaction that holds the same key, and then tells whether that one committed.
  const inserted: unknown[] = await manager.query(
    `INSERT INTO idempotency_record (actor, key, operation, input_digest, object_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (actor, key) DO NOTHING RETURNING 1`,
    [actor, key, operation, inputDigest, NOBODY, change.now],
  );
  if (inserted.length === 0) {
    const first = await manager.findOneByOrFail(IdempotencyRecordEntity, { actor, key });
    if (first.operation !== operation || first.inputDigest !== inputDigest) {
      throw new DomainError(
        'CONFLICT',
        `idempotencyKey "${key}" was used before with ${first.operation !== operation ? first.operation : 'another input'}; use a new key`,
        ['idempotencyKey'],
      );
    }
    return first.objectId;
  }
  const objectId = await make();
  await manager.update(IdempotencyRecordEntity, { actor, key }, { objectId });
  return objectId;
}

/**
 * Forgets the keys of calls made more than a week ago.
 * @returns how many
 * @throws NotLeaderError when another server leads
 */
export async function pruneIdempotencyRecords(dataSource: DataSource, fence: Fence, now: Date): Promise<number> {
  return dataSource.transaction(async (manager) => {
    await fence.check(manager);
    const [, forgotten]: [unknown, number] = await manager.query('DELETE FROM idempotency_record WHERE created_at < $1', [new Date(now.getTime() - KEPT_MS)]);
    return forgotten;
  });
}

function digest(input: object): string {
  const { idempotencyKey: _key, ...rest } = input as { idempotencyKey?: unknown };
  return createHash('sha256').update(canonicalJson(rest)).digest('hex');
}
