/** Scalars beside GraphQL's own. 64-bit integers are strings (`String`), times are type-graphql's `DateTimeISO` (`Date`). */
import { GraphQLJSON, GraphQLJSONObject } from 'graphql-scalars';

/** Any JSON value. */
export const JsonScalar = GraphQLJSON;

/** A JSON object. */
export const JsonObjectScalar = GraphQLJSONObject;
