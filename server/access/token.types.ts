/** Tokens and the caller, as GraphQL shows them. Hashes are not part of it. */
import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { connectionType, NodeType, PayloadType } from '../api/conventions.types.js';
import { toNodeId } from '../api/node-id.js';
import type { ApiTokenEntity } from './access.entities.js';

@ObjectType('Token', { implements: NodeType, description: 'A bearer token. Only its hash is stored, so its secret cannot be read again.' })
export class TokenType extends NodeType {
  @Field(() => String, { description: 'Its name, never used twice. Audit entries and events name its user `token:<name>`.' }) name!: string;
  @Field(() => String, { description: 'Who made it.' }) createdBy!: string;
  @Field(() => Date, { description: 'When it was made.' }) createdAt!: Date;
  @Field(() => Date, { nullable: true, description: 'When it was revoked. Null while it is valid.' }) revokedAt!: Date | null;
}
export const TokenConnection = connectionType('Token', () => TokenType);

@ObjectType('Viewer', { description: 'The sender of this request.' })
export class ViewerType {
  @Field(() => String, { description: 'The name in audit entries and events: `token:<name>`.' }) actor!: string;
  @Field(() => TokenType, { description: 'The token of the request.' }) token!: TokenType;
}

@InputType({ description: 'Creates a token.' })
export class CreateTokenInput {
  @Field(() => String, { description: '1 to 63 of a-z, 0-9, ".", "_" and "-", beginning and ending with a letter or digit. A name is never used twice.' })
  name!: string;
  @Field(() => String, {
    nullable: true,
    description: 'A repeated call with the same key returns the same token instead of creating another one. It does not return the secret again.',
  })
  idempotencyKey?: string | null;
}

@ObjectType({ description: 'Result of createToken.' })
export class CreateTokenPayload extends PayloadType {
  @Field(() => TokenType, { nullable: true, description: 'The token. Null if `userErrors` says why nothing was done.' }) token?: TokenType;
  @Field(() => String, {
    nullable: true,
    description:
      "The token's secret, shown only once. Null for a repeated call with the same idempotencyKey. If you lose it, revoke the token and create another one.",
  })
  secret?: string | null;
}

@InputType({ description: 'Revokes a token.' })
export class RevokeTokenInput {
  @Field(() => ID, { description: 'The id of the token.' }) id!: string;
}

@ObjectType({ description: 'Result of revokeToken.' })
export class RevokeTokenPayload extends PayloadType {
  @Field(() => TokenType, { nullable: true, description: 'The revoked token. Null if `userErrors` says why nothing was done.' }) token?: TokenType;
}

export const toToken = (row: ApiTokenEntity): TokenType =>
  Object.assign(new TokenType(), {
    id: toNodeId('Token', row.id),
    name: row.name,
    createdBy: row.createdBy,
    createdAt: row.createdAt,
    revokedAt: row.revokedAt,
  });
