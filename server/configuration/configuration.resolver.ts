import { Arg, Ctx, Mutation, Query, Resolver } from 'type-graphql';
import type { ApiContext } from '../api/context.js';
import { payload } from '../api/conventions.types.js';
import { JsonObjectScalar } from '../api/scalars.js';
import { checkText } from '../registry/texts.js';
import { DocumentsError, type ConfigurationService } from './configuration.service.js';
import { ApplyConfigInput, ApplyConfigPayload } from './configuration.types.js';

const MAX_REASON = 1_000;

@Resolver()
export class ConfigurationResolver {
  constructor(private readonly service: ConfigurationService) {}

  @Query(() => [JsonObjectScalar], { description: 'The current configuration as documents of `pilothouse.yaml`. Applying them changes nothing.' })
  exportConfig(
    @Arg('project', () => String, { nullable: true, description: 'Only this project, by its name.' }) project?: string | null,
  ): Promise<Record<string, unknown>[]> {
    return this.service.export(project);
  }

  @Mutation(() => ApplyConfigPayload, {
    description: 'Changes the configuration to match documents, in one transaction: everything or nothing. Deletes nothing without `prune`.',
  })
  async applyConfig(
    @Arg('input', () => ApplyConfigInput, { description: 'The documents.' }) input: ApplyConfigInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<ApplyConfigPayload> {
    try {
      return await payload(async () => {
        checkText(input.reason, ['reason'], MAX_REASON);
        return { changes: await this.service.apply(actor, input) };
      });
    } catch (error) {
      if (!(error instanceof DocumentsError)) throw error;
      return { userErrors: error.errors.map(({ code, message, field }) => ({ code, message, field: ['input', ...field] })) };
    }
  }
}
