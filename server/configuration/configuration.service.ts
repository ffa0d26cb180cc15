/** Makes the configuration what documents say, in one transaction, and writes documents of what it is. */
import type { Actor, UnitOfWork } from '../database/unit-of-work.js';
import { DomainError } from '../errors.js';
import { changesOf, keyOf, surplusOf, type ConfigurationChange } from './changes.js';
import { KINDS, readDocument, toDocument, type ConfigurationObject } from './documents.js';
import { readState, type Stored } from './state.js';
import type { ConfigurationWriter } from './writer.js';

export const MAX_DOCUMENTS = 1_000;

export interface ApplyRequest {
  readonly documents: readonly unknown[];
  /** Tells the changes and makes none. */
  readonly dryRun: boolean;
  /** Deletes what the documents leave out, in the projects that they name. */
  readonly prune: boolean;
  /** Why, for revisions and the audit. */
  readonly reason: string;
}

/** Everything that is wrong with documents, before any of them was applied. */
export class DocumentsError extends Error {
  override readonly name = 'DocumentsError';

  constructor(readonly errors: readonly DomainError[]) {
    super('the documents are wrong');
  }
}

/** Ends a dry run's transaction, so that what it did is undone. */
class DryRunEnd extends Error {
  override readonly name = 'DryRunEnd';
}

interface Wanted {
  readonly index: number;
  readonly object: ConfigurationObject;
}

export class ConfigurationService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly writer: ConfigurationWriter,
  ) {}

  /** Documents of what is configured, parents first. @throws DomainError NOT_FOUND for a project that does not exist */
  async export(project?: string | null): Promise<Record<string, unknown>[]> {
    const state = await readState(this.work.manager, project == null ? undefined : [project]);
    if (project != null && state.length === 0) throw new DomainError('NOT_FOUND', `project "${project.slice(0, 80)}" does not exist`, ['project']);
    return state.map(toDocument);
  }

  /**
   * The changes that were made, or with `dryRun` would be. A dry run does everything in a transaction that is undone, so that it finds
   * the same errors.
   * @throws DocumentsError; DomainError whose field begins with the document's place
   */
  async apply(actor: Actor, request: ApplyRequest): Promise<ConfigurationChange[]> {
    const wanted = readAll(request.documents);
    let changes: ConfigurationChange[] = [];
    try {
      await this.work.runTogether(actor, async () => {
        changes = await this.carryOut(actor, wanted, request);
        if (request.dryRun) throw new DryRunEnd();
      });
    } catch (error) {
      if (!(error instanceof DryRunEnd)) throw error;
    }
    return changes;
  }

  private async carryOut(actor: Actor, wanted: readonly Wanted[], { prune, reason }: ApplyRequest): Promise<ConfigurationChange[]> {
    const projects = [...new Set(wanted.map(({ object }) => object.project))];
    const state = await readState(this.work.manager, projects);
    const stored = new Map(state.map((object) => [keyOf(object), object]));
    const changes: ConfigurationChange[] = [];
    if (prune) {
      for (const object of surplusOf(state, new Set(wanted.map((one) => keyOf(one.object))))) {
        await this.writer.delete(actor, object, reason);
        changes.push(deletionOf(object));
      }
    }
    for (const { index, object } of inOrder(wanted)) {
      const before = stored.get(keyOf(object));
      try {
        const numbered = await this.writer.withoutAliases(object);
        const own = changesOf(numbered, before);
        if (own.length === 0) continue;
        await this.writer.write(actor, numbered, before, reason);
        changes.push(...own);
      } catch (error) {
        throw error instanceof DomainError ? located(error, index, object) : error;
      }
    }
    return changes;
  }
}

/** @throws DocumentsError */
function readAll(documents: readonly unknown[]): Wanted[] {
  if (documents.length > MAX_DOCUMENTS)
    throw new DomainError('LIMIT_EXCEEDED', `${documents.length} documents were given; at most ${MAX_DOCUMENTS} are allowed at a time`, ['documents']);
  const errors: DomainError[] = [];
  const wanted: Wanted[] = [];
  const seen = new Map<string, number>();
  documents.forEach((document, index) => {
    const object = readDocument(document);
    if (Array.isArray(object)) {
      const named = document as { kind?: unknown; name?: unknown } | null;
      errors.push(...object.map(({ field, message }) => located(new DomainError('INVALID', message, field), index, named ?? {})));
      return;
    }
    const first = seen.get(keyOf(object));
    if (first !== undefined) errors.push(located(new DomainError('INVALID', `documents[${first}] describes it already; keep one of them`), index, object));
    seen.set(keyOf(object), index);
    wanted.push({ index, object });
  });
  if (errors.length > 0) throw new DocumentsError(errors);
  return wanted;
}

/** Parents first, then by name: two callers lock the rows in the same order. */
const inOrder = (wanted: readonly Wanted[]): Wanted[] =>
  [...wanted].sort((a, b) => KINDS.indexOf(a.object.kind) - KINDS.indexOf(b.object.kind) || (keyOf(a.object) < keyOf(b.object) ? -1 : 1));

/** The error with the document's place, kind and name, and the field. */
function located({ code, message, field }: DomainError, index: number, { kind, name }: { kind?: unknown; name?: unknown }): DomainError {
  const what = [kind, name === undefined ? undefined : JSON.stringify(name)].filter((part) => typeof part === 'string').join(' ');
  const place = `documents[${index}]${what && ` (${what.slice(0, 120)})`}${field.length > 0 ? `, ${field.join('.')}` : ''}`;
  return new DomainError(code, `${place}: ${message}`, ['documents', String(index), ...field]);
}

function deletionOf({ kind, project, name }: Stored): ConfigurationChange {
  return { kind, project, name, action: 'DELETE', field: null, before: null, after: null };
}
