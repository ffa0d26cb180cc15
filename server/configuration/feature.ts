/** Everything that is configured, as documents. */
export const configuration = {
  entities: [],
  load: async () => {
    const { CONFIGURATION_RESOLVERS, createConfiguration } = await import('./configuration.js');
    return { resolvers: CONFIGURATION_RESOLVERS, create: createConfiguration };
  },
};
