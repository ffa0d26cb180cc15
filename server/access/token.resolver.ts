import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver } from 'type-graphql';
import type { ApiContext } from '../api/context.js';
import { type Connection, ConnectionArgs, payload, toConnection } from '../api/conventions.types.js';
import { expectNodeId } from '../api/node-id.js';
import type { NodeSource } from '../api/node.resolver.js';
import type { TokenService } from './token.service.js';
import { CreateTokenInput, CreateTokenPayload, RevokeTokenInput, RevokeTokenPayload, toToken, TokenConnection, TokenType, ViewerType } from './token.types.js';

@Resolver(() => ViewerType)
export class TokenResolver {
  constructor(private readonly tokens: TokenService) {}

  /** For `node(id)`. */
  readonly nodes: NodeSource = {
    type: 'Token',
    load: async (ids) => (await this.tokens.byIds(ids)).map((row) => row && toToken(row)),
  };

  @Query(() => ViewerType, { description: 'The sender of this request.' })
  viewer(@Ctx() context: ApiContext): Partial<ViewerType> {
    return { actor: context.actor };
  }

  @FieldResolver(() => TokenType)
  async token(@Ctx() context: ApiContext): Promise<TokenType> {
    return toToken(await this.tokens.get(context.tokenId));
  }

  @Query(() => TokenConnection, { name: 'tokens', description: 'All tokens, including revoked ones, newest first.' })
  async list(@Args(() => ConnectionArgs) args: ConnectionArgs): Promise<Connection<TokenType>> {
    return toConnection(await this.tokens.list(args), toToken);
  }

  @Mutation(() => CreateTokenPayload, { description: 'Creates a bearer token. Its secret is returned only once, in the answer.' })
  createToken(
    @Arg('input', () => CreateTokenInput, { description: 'The token to create.' }) input: CreateTokenInput,
    @Ctx() context: ApiContext,
  ): Promise<CreateTokenPayload> {
    return payload(async () => {
      const { token, secret } = await this.tokens.create(context.actor, input);
      return { token: toToken(token), secret };
    });
  }

  @Mutation(() => RevokeTokenPayload, {
    description: 'Revokes a token: at once on this server, and within seconds on other servers and gateways. Revoking it again changes nothing.',
  })
  revokeToken(
    @Arg('input', () => RevokeTokenInput, { description: 'The token to revoke.' }) input: RevokeTokenInput,
    @Ctx() context: ApiContext,
  ): Promise<RevokeTokenPayload> {
    return payload(async () => ({ token: toToken(await this.tokens.revoke(context.actor, expectNodeId('Token', input.id, 'id'))) }));
  }
}
