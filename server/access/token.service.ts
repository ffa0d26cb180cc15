/** Bearer tokens: made, checked on every request, revoked. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type DataSource, type EntityManager, In, IsNull } from 'typeorm';
import { type Page, type PageArgs, pageOf } from '../database/pagination.js';
import { readBack } from '../database/read-back.js';
import type { Actor, Change, UnitOfWork } from '../database/unit-of-work.js';
import { DomainError } from '../errors.js';
import { NOTIFICATION } from '../database/notification-names.js';
import { ApiTokenEntity } from './access.entities.js';
import { type AdminTokenFile, adminTokenFile } from './admin-token.js';
import { idempotent } from './idempotency.js';

export interface Caller {
  readonly actor: Actor;
  readonly tokenId: string;
}

export interface NewToken {
  readonly name: string;
  readonly idempotencyKey?: string | null | undefined;
}

export interface TokenServiceOptions {
  /** How long a positive check is remembered where no wake-up comes: the longest that a revoked token can live on. */
  readonly cacheMs?: number;
  readonly clock?: () => number;
}

const PREFIX = 'ph_';
const TOKEN = /^ph_[A-Za-z0-9_-]{43}$/;
const NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;
const MAX_CACHED = 10_000;
/** Serialises what decides over names and the last valid token. */
const TOKENS_LOCK = 0x50494c02;

export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex');
/** 256 random bits, with a prefix that people and secret scanners recognise. */
export const makeToken = (): string => PREFIX + randomBytes(32).toString('base64url');
export const isToken = (text: string): boolean => TOKEN.test(text);

export class TokenService {
  private readonly cache = new Map<string, { caller: Promise<Caller | undefined>; until: number }>();
  private readonly listeners = new Set<() => void>();
  private readonly cacheMs: number;
  private readonly clock: () => number;

  constructor(
    private readonly work: UnitOfWork,
    options: TokenServiceOptions = {},
  ) {
    this.cacheMs = options.cacheMs ?? 3_000;
    this.clock = options.clock ?? Date.now;
  }

  /** Whose token it is, or undefined for one that is malformed, unknown or revoked. Rejects when the database does not answer. */
  async verify(bearer: string): Promise<Caller | undefined> {
    // What cannot be a token costs no query.
    if (!isToken(bearer)) return undefined;
    const hash = hashToken(bearer);
    const cached = this.cache.get(hash);
    if (cached && cached.until > this.clock()) return cached.caller;
    const entry = { caller: this.load(hash), until: this.clock() + this.cacheMs };
    if (this.cache.size >= MAX_CACHED) this.cache.clear();
    this.cache.set(hash, entry);
    try {
      const caller = await entry.caller;
      // Unknown tokens are not remembered: one that was made a moment ago on another server must work at once.
      if (!caller) this.drop(hash, entry);
      return caller;
    } catch (error) {
      this.drop(hash, entry);
      throw error;
    }
  }

  /** Call it when NOTIFICATION.ROUTES wakes: the set of valid tokens may have changed. */
  invalidate(): void {
    this.cache.clear();
    for (const listener of this.listeners) listener();
  }

  /** Calls `listener` whenever the set of valid tokens may have changed: long-lived connections check theirs again. @returns ends it */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /**
   * Makes a token. Its secret is returned once and stored nowhere. A repeated call with the same `idempotencyKey` returns no secret.
   * @throws DomainError INVALID, ALREADY_EXISTS, CONFLICT
   */
  async create(actor: Actor, { name, idempotencyKey }: NewToken): Promise<{ token: ApiTokenEntity; secret: string | null }> {
    if (!NAME.test(name)) {
      throw new DomainError(
        'INVALID',
        `"${name.slice(0, 80)}" is not a token name; it must have 1 to 63 characters of a-z, 0-9, ".", "_" and "-", and begin and end with a letter or digit`,
        ['name'],
      );
    }
    const fresh = makeToken();
    let secret: string | null = null;
    const id = await this.work.run(actor, (change) =>
      idempotent(change, { operation: 'createToken', key: idempotencyKey, input: { name } }, async () => {
        await lock(change.manager);
        // Names stay taken after a revocation, so that `token:<name>` in the audit log always means one token.
        if (await change.manager.existsBy(ApiTokenEntity, { name }))
          throw new DomainError('ALREADY_EXISTS', `a token has, or had, the name "${name}"; choose another name`, ['name']);
        secret = fresh;
        return this.insert(change, name, fresh, 'createToken');
      }),
    );
    this.invalidate();
    return { token: await readBack(() => this.get(id)), secret };
  }

  /**
   * Ends a token, here at once and on every other server and gateway within seconds. Revoking it again changes nothing.
   * @throws DomainError NOT_FOUND, or FAILED_PRECONDITION for the last valid token: without one, no other token can be made
   */
  async revoke(actor: Actor, id: string): Promise<ApiTokenEntity> {
    await this.work.run(actor, async (change) => {
      await lock(change.manager);
      const token = await change.manager.findOneBy(ApiTokenEntity, { id });
      if (!token) throw new DomainError('NOT_FOUND', 'this token does not exist', ['id']);
      if (token.revokedAt) return;
      if ((await change.manager.countBy(ApiTokenEntity, { revokedAt: IsNull() })) === 1) {
        throw new DomainError('FAILED_PRECONDITION', `"${token.name}" is the last valid token; create another one first`, ['id']);
      }
      await change.manager.update(ApiTokenEntity, { id }, { revokedAt: change.now });
      await change.audit({ action: 'revokeToken', objectType: 'Token', objectId: id, projectId: null, detail: { name: token.name } });
      change.wake(NOTIFICATION.ROUTES);
    });
    this.invalidate();
    return readBack(() => this.get(id));
  }

  /** @throws DomainError NOT_FOUND */
  async get(id: string): Promise<ApiTokenEntity> {
    const token = await this.dataSource.manager.findOneBy(ApiTokenEntity, { id });
    if (!token) throw new DomainError('NOT_FOUND', 'this token does not exist', ['id']);
    return token;
  }

  /** In the order of `ids`, undefined where there is none. */
  async byIds(ids: readonly string[]): Promise<(ApiTokenEntity | undefined)[]> {
    const tokens = await this.dataSource.manager.findBy(ApiTokenEntity, { id: In([...ids]) });
    const byId = new Map(tokens.map((token) => [token.id, token]));
    return ids.map((id) => byId.get(id));
  }

  /** Newest first, the revoked among them. */
  list(args: PageArgs): Promise<Page<ApiTokenEntity>> {
    return pageOf(this.dataSource.manager, ApiTokenEntity, args, { orderBy: 'createdAt', direction: 'DESC' });
  }

  /**
   * Makes sure that each user who can read the home has a valid token, in `<home>/admin-token` (mode 0600). The file is whole on
   * disk before the row is committed, and a file without its row is registered again; so neither a crash between the two nor a
   * new database below an old home locks the operator out. Decided so:
   * - the file's token is valid: nothing changes;
   * - its hash is unknown (a new database): it is registered, as `admin` or the next free `admin-N`;
   * - it was revoked, or there is no file: a new token is made, as `admin` or the next free `admin-N`. The tokens there were stay
   *   valid, for the file may have been moved to a safer place on purpose.
   * @returns the file's path
   */
  async ensureAdminToken(home: string): Promise<string> {
    const file = adminTokenFile(home);
    await this.work.run('system:access', async (change) => {
      await lock(change.manager);
      await this.settleAdminToken(change, file);
    });
    this.invalidate();
    return file.path;
  }

  private async settleAdminToken(change: Change, file: AdminTokenFile): Promise<void> {
    const kept = await file.read();
    const row = kept ? await change.manager.findOneBy(ApiTokenEntity, { hash: hashToken(kept) }) : null;
    if (row && !row.revokedAt) return;
    const token = kept && !row ? kept : makeToken();
    if (token !== kept) await file.write(token);
    await this.insert(change, await this.freeAdminName(change.manager), token, token === kept ? 'registerAdminToken' : 'createAdminToken');
  }

  private async freeAdminName(manager: EntityManager): Promise<string> {
    const rows: { name: string }[] = await manager.query(`SELECT name FROM api_token WHERE name ~ '^admin(-[0-9]+)?$'`);
    const taken = new Set(rows.map((row) => row.name));
    let name = 'admin';
    for (let n = 2; taken.has(name); n++) name = `admin-${n}`;
    return name;
  }

  private async insert(change: Change, name: string, token: string, action: string): Promise<string> {
    const id = randomUUID();
    await change.manager.insert(ApiTokenEntity, { id, name, hash: hashToken(token), createdBy: change.actor, createdAt: change.now, revokedAt: null });
    await change.audit({ action, objectType: 'Token', objectId: id, projectId: null, detail: { name } });
    change.wake(NOTIFICATION.ROUTES);
    return id;
  }

  private async load(hash: string): Promise<Caller | undefined> {
    const token = await this.dataSource.manager.findOneBy(ApiTokenEntity, { hash, revokedAt: IsNull() });
    return token ? { actor: `token:${token.name}`, tokenId: token.id } : undefined;
  }

  private drop(hash: string, entry: object): void {
    if (this.cache.get(hash) === entry) this.cache.delete(hash);
  }

  private get dataSource(): DataSource {
    return this.work.dataSource;
  }
}

const lock = (manager: EntityManager): Promise<unknown> => manager.query('SELECT pg_advisory_xact_lock($1)', [TOKENS_LOCK]);
