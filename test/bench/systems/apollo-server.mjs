/** Bare Apollo behind Fastify, with the `infer` mutation in the shape that Pilothouse gives it, and the model in the same process. */
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginLandingPageDisabled, ApolloServerPluginUsageReportingDisabled } from '@apollo/server/plugin/disabled';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import Fastify from 'fastify';
import { GraphQLJSON } from 'graphql-scalars';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { SESSION_OPTIONS } from './expected.mjs';

env.logLevel = 'error';
const sessions = {};
for (const [name, file] of Object.entries(JSON.parse(process.env.BENCH_MODELS))) sessions[name] = await InferenceSession.create(file, SESSION_OPTIONS);

const typeDefs = `#graphql
  scalar JSON
  input DeploymentRefInput { id: ID, project: String! = "default", name: String }
  input TensorInput { name: String!, shape: [Int!]!, datatype: String!, data: JSON! }
  input InferInput { deployment: DeploymentRefInput!, inputs: [TensorInput!]!, outputs: [String!] }
  type Tensor { name: String!, shape: [Int!]!, datatype: String!, data: JSON! }
  type UserError { code: String!, message: String!, field: [String!] }
  type InferPayload { outputs: [Tensor!], versionNumber: Int, userErrors: [UserError!]! }
  type Query { models: [String!]! }
  type Mutation { infer(input: InferInput!): InferPayload! }
`;

async function infer(_root, { input: { deployment, inputs } }) {
  const feeds = Object.fromEntries(inputs.map(({ name, shape, data }) => [name, new Tensor('float32', Float32Array.from(data), shape)]));
  const results = await sessions[deployment.name].run(feeds);
  const outputs = Object.entries(results).map(([name, { dims, data }]) => ({ name, shape: dims, datatype: 'FP32', data: Array.from(data, Number) }));
  return { outputs, versionNumber: 1, userErrors: [] };
}

const apollo = new ApolloServer({
  typeDefs,
  resolvers: { JSON: GraphQLJSON, Query: { models: () => Object.keys(sessions) }, Mutation: { infer } },
  nodeEnv: 'production',
  stopOnTerminationSignals: false,
  plugins: [ApolloServerPluginLandingPageDisabled(), ApolloServerPluginUsageReportingDisabled()],
});
await apollo.start();
const fastify = Fastify();
fastify.route({ method: 'POST', url: '/graphql', handler: fastifyApolloHandler(apollo) });
await fastify.listen({ host: '127.0.0.1', port: Number(process.env.BENCH_PORT) });
