import { AlertEntity, AlertRuleEntity, MonitorEntity, MonitorRunEntity } from './monitoring.entities.js';

/** Metrics, monitors, alert rules, alerts. */
export const monitoring = {
  entities: [MonitorEntity, MonitorRunEntity, AlertRuleEntity, AlertEntity],
  load: async () => {
    const { createMonitoring, MONITORING_RESOLVERS } = await import('./monitoring.js');
    return { resolvers: MONITORING_RESOLVERS, create: createMonitoring };
  },
};
