/** The gateway as the app starts it, or finds it running; and the removal of gateways that died. */
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { childEnvironment, type Config } from './config.js';
import type { ConnectionPlan } from './database/connection-plan.js';
import { NOTIFICATION } from './database/notification-names.js';
import type { Notifier } from './database/notifications.js';
import { DeadGateways } from './engines/dead-gateways.js';
import { GatewaySupervisor } from './engines/gateway-supervisor.js';
import { buildId, gatewayEnvironment } from './gateway-environment.js';
import { removeGateways } from './routing/acknowledgements.js';

/** @param url of the database */
export function startGateway(config: Config, url: string, { gatewayPool }: ConnectionPlan, log: Logger): Promise<GatewaySupervisor> {
  return GatewaySupervisor.start({
    home: config.home,
    sockets: [
      { name: 'http', host: config.host, port: config.httpPort, variable: 'PILOTHOUSE_HTTP_PORT' },
      { name: 'grpc', host: config.host, port: config.grpcPort, variable: 'PILOTHOUSE_GRPC_PORT' },
    ],
    workers: config.gateways,
    environment: gatewayEnvironment(config, url, gatewayPool),
    serverEnvironment: childEnvironment(),
    build: buildId(),
    log: (message) => log.warn(message),
  });
}

/** To be started. */
export function deadGateways({ home }: Config, dataSource: DataSource, notifier: Notifier, log: Logger): DeadGateways {
  return new DeadGateways({
    home,
    remove: async (ids) => {
      const removed = await removeGateways(dataSource, ids);
      if (removed.length > 0) notifier.wake(NOTIFICATION.GATEWAYS);
      return removed;
    },
    log: (message) => log.warn(message),
  });
}
