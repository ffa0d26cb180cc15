/** Tokens and the caller, as GraphQL shows them. Hashes are not part of it. */
import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { connectionType, NodeType, PayloadType } from '../api/conventions.types.js';
import { toNodeId } from '../api/node-id.js';
import type { ApiTokenEntity } from './access.entities.js';

@ObjectType('Token', { implements: NodeType, description: 'A bearer token. Only its hash is kept; nobody can read it again.' })
export class TokenType extends NodeType {
  @Field(() => String, { description: 'Its name, never used twice. Who acts with it is `token:<name>`.' }) name!: string;
  @Field(() => String, { description: 'Who made it.' }) createdBy!: string;
  @Field(() => Date, { description: 'When it was made.' }) createdAt!: Date;
  @Field(() => Date, { nullable: true, description: 'When it was revoked; null while it is valid.' }) revokedAt!: Date | null;
}
export const TokenConnection = connectionType('Token', () => TokenType);

@ObjectType('Viewer', { description: 'Whoever sent this request.' })
export class ViewerType {
  @Field(() => String, { description: 'The name that audit entries and events carry: `token:<name>`.' }) actor!: string;
  @Field(() => TokenType, { description: 'The token that came with the request.' }) token!: TokenType;
}

@InputType({ description: 'A token to make.' })
export class CreateTokenInput {
  @Field(() => String, { description: '1 to 63 of a-z, 0-9, ".", "_" and "-", beginning and ending with a letter or digit. A name is never used twice.' })
  name!: string;
  @Field(() => String, {
    nullable: true,
    description: 'Makes a repetition of this call answer with the same token instead of making another. The repetition does not get the secret.',
  })
  idempotencyKey?: string | null;
}

@ObjectType({ description: 'What createToken made.' })
export class CreateTokenPayload extends PayloadType {
  @Field(() => TokenType, { nullable: true, description: 'The token; null where userErrors say why not.' }) token?: TokenType;
  @Field(() => String, {
    nullable: true,
    description: 'The token itself, shown this once. Null for a repetition by idempotencyKey: revoke the token and make another one when its secret is lost.',
  })
  secret?: string | null;
}

@InputType({ description: 'A token to revoke.' })
export class RevokeTokenInput {
  @Field(() => ID, { description: 'The id of the token.' }) id!: string;
}

@ObjectType({ description: 'What revokeToken did.' })
export class RevokeTokenPayload extends PayloadType {
  @Field(() => TokenType, { nullable: true, description: 'The token, revoked; null where userErrors say why not.' }) token?: TokenType;
}

export const toToken = (row: ApiTokenEntity): TokenType =>
  Object.assign(new TokenType(), {
    id: toNodeId('Token', row.id),
    name: row.name,
    createdBy: row.createdBy,
    createdAt: row.createdAt,
    revokedAt: row.revokedAt,
  });
