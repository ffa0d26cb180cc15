import { ScalingDecisionEntity, ScalingPolicyEntity } from './autoscaling.entities.js';

/** Scaling policies and the decisions made by them. */
export const autoscaling = {
  entities: [ScalingPolicyEntity, ScalingDecisionEntity],
  load: async () => {
    const { AUTOSCALING_RESOLVERS, createAutoscaling } = await import('./autoscaling.js');
    return { resolvers: AUTOSCALING_RESOLVERS, create: createAutoscaling };
  },
};
