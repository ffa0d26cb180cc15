import { Arg, Args, Int, Query, Resolver, Root, Subscription } from 'type-graphql';
import type { ApiContext } from '../api/context.js';
import { expectNodeId, toNodeId } from '../api/node-id.js';
import { DomainError } from '../errors.js';
import { toRef } from './deployment-inputs.types.js';
import type { LogLine, LogSelection, LogsService } from './logs.service.js';
import { LogArgs, LogLineType, LogPageType } from './logs.types.js';

@Resolver()
export class LogsResolver {
  constructor(readonly service: LogsService) {}

  @Query(() => LogPageType, {
    description: 'The last log lines of a replica, or of the replicas of a deployment. With `after`, the first lines after that cursor.',
  })
  async logs(
    @Args() args: LogArgs,
    @Arg('first', () => Int, { defaultValue: 200, description: 'How many to return, 1 to 1000.' }) first: number,
  ): Promise<LogPageType> {
    const { lines, endCursor } = await this.service.page(toSelection(args), first, args.after);
    return { lines: lines.map(toLine), endCursor };
  }

  @Subscription(() => LogLineType, {
    name: 'logs',
    description: 'Log lines as they are written. With `after`, the lines since that cursor are sent first.',
    subscribe: ({ args, context }) => {
      const selected = args as LogArgs;
      return (context as ApiContext).instance(LogsResolver).service.follow(toSelection(selected), selected.after);
    },
  })
  followLogs(@Root() line: LogLine, @Args() _args: LogArgs): LogLineType {
    return toLine(line);
  }
}

const toLine = (line: LogLine): LogLineType => ({ ...line, replicaId: toNodeId('Replica', line.replicaId) });

/** @throws DomainError INVALID unless exactly one of replica and deployment is given */
function toSelection({ replica, deployment, filter }: LogArgs): LogSelection {
  if ((replica == null) === (deployment == null)) throw new DomainError('INVALID', 'name either a `replica` or a `deployment`', ['deployment']);
  return { filter, of: replica != null ? { replicaId: expectNodeId('Replica', replica, 'replica') } : { deployment: toRef(deployment!, 'deployment') } };
}
