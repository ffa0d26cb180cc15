/** Why a deployment is as it is. */
export const explanation = {
  entities: [],
  load: async () => {
    const { createExplanation, EXPLANATION_RESOLVERS } = await import('./explanation.js');
    return { resolvers: EXPLANATION_RESOLVERS, create: createExplanation };
  },
};
