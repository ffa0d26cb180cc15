/** A feature for tests of the API itself: faults, refusals, slow answers, lists, and a subscription whose events a test makes. */
import { randomUUID } from 'node:crypto';
import { Arg, Args, Field, ID, InputType, Int, Mutation, ObjectType, Query, Resolver, Root, Subscription } from 'type-graphql';
import { connectionType, ConnectionArgs, NodeType, payload, PayloadType } from '../../server/api/conventions.types.js';
import { expectNodeId, toNodeId } from '../../server/api/node-id.js';
import type { NodeSource } from '../../server/api/node.resolver.js';
import { JsonScalar } from '../../server/api/scalars.js';
import type { UnitOfWork } from '../../server/database/unit-of-work.js';
import { DomainError } from '../../server/errors.js';
import type { FeedItem } from '../../server/events/event-feed.js';
import { AfterArgs, type EventType, DeploymentEventType, toEventType } from '../../server/events/event.types.js';
import { followFeed } from '../../server/events/follow-feed.js';

@ObjectType('Probe', { implements: NodeType, description: 'A thing for tests.' })
export class ProbeType extends NodeType {
  @Field(() => Int, { description: 'Its number.' }) number!: number;
}
const ProbeConnection = connectionType('Probe', () => ProbeType);

@InputType({ description: 'Input for tests.' })
class ProbeInput {
  @Field(() => [ProbeInput], { nullable: true, description: 'More.' }) inner?: ProbeInput[];
  @Field(() => [String], { nullable: true, description: 'Texts.' }) texts?: string[];
  @Field(() => JsonScalar, { nullable: true, description: 'Anything.' }) json?: unknown;
}

@ObjectType({ description: 'What probe made.' })
class ProbePayload extends PayloadType {
  @Field(() => ProbeType, { nullable: true, description: 'The probe.' }) probe?: ProbeType;
}

/** Lets a test hold an answer back. */
export class Gate {
  entered = 0;
  private open: () => void = () => undefined;
  private readonly passed = new Promise<void>((resolve) => {
    this.open = resolve;
  });

  pass(): Promise<void> {
    this.entered++;
    return this.passed;
  }

  release(): void {
    this.open();
  }
}

@Resolver(() => ProbeType)
export class ProbeResolver {
  /** How often any resolver here ran: what is refused must not move it. */
  calls = 0;
  loads: (readonly string[])[] = [];
  gate = new Gate();

  constructor(private readonly work: UnitOfWork) {}

  readonly nodes: NodeSource = {
    type: 'Probe',
    load: async (ids) => {
      this.loads.push(ids);
      return ids.map((id) => (id.startsWith('0000') ? undefined : { id: toNodeId('Probe', id), number: 7 }));
    },
  };

  @Query(() => String, { description: 'Fails by a fault.' })
  fault(): string {
    this.calls++;
    throw new Error('secret: the password is hunter2');
  }

  @Query(() => ProbeType, { nullable: true, description: 'Answers what its type does not allow.' })
  impossible(): unknown {
    this.calls++;
    return { id: 'x', number: 'not a number' };
  }

  @Query(() => String, { description: 'Refuses.' })
  refusal(): string {
    this.calls++;
    throw new DomainError('FAILED_PRECONDITION', 'the probe is not ready; wait for it', ['probe']);
  }

  @Query(() => Int, { description: 'Answers when the test lets it.' })
  async slow(): Promise<number> {
    this.calls++;
    await this.gate.pass();
    return 1;
  }

  @Query(() => ProbeConnection, { description: 'A connection.' })
  probes(@Args(() => ConnectionArgs) { first }: ConnectionArgs): object {
    this.calls++;
    return { nodes: [], edges: [], pageInfo: { hasNextPage: first > 1000, hasPreviousPage: false, startCursor: null, endCursor: null } };
  }

  @Query(() => ProbeType, { nullable: true, description: 'Itself, for depth.' })
  probe(): ProbeType | null {
    this.calls++;
    return null;
  }

  @Mutation(() => ProbePayload, { description: 'Makes a probe, unless it is told to fail.' })
  makeProbe(@Arg('input', () => ProbeInput, { description: 'The input.' }) input: ProbeInput): Promise<ProbePayload> {
    this.calls++;
    return payload(async () => {
      if (input.texts?.includes('taken')) throw new DomainError('ALREADY_EXISTS', 'there is a probe of that name; take another', ['texts', '0']);
      return { probe: { id: toNodeId('Probe', randomUUID()), number: 1 } };
    });
  }

  @Subscription(() => DeploymentEventType, {
    description: 'Events of one subject.',
    subscribe: followFeed<{ subject: string }>(({ subject }, context) => context.instance(ProbeResolver).filterOf(subject)),
  })
  probeEvents(
    @Root() item: FeedItem,
    @Arg('subject', () => ID, { description: 'Of what.' }) _subject: string,
    @Args(() => AfterArgs) _after: AfterArgs,
  ): EventType {
    return toEventType(item);
  }

  filterOf(subject: string): { topic: 'deployment'; subjectId: string } {
    this.calls++;
    return { topic: 'deployment', subjectId: expectNodeId('Deployment', subject, 'subject') };
  }

  /** Commits one event. */
  emit(subjectId: string, message: string, type = 'HAPPENED'): Promise<void> {
    return this.work.run('token:probe', (change) =>
      change.emit({ topic: 'deployment', subjectId, projectId: null, type, payload: { phase: 'PENDING', generation: 1, message } }),
    );
  }
}
