import type { Config } from '../config/config.ts';
import type { Log, RootLog } from '../observability/log.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import type { Simulator, SimulatorOptions } from '../simulator/index.ts';

export interface Producer {
  deps: ProducerDeps;
  close(): Promise<void>;
}

export type Role = 'worker' | 'serve' | 'up';

/** The parts that commands start. Each is imported when a command needs it, so that `--help` loads none. Tests pass their own. */
export interface Services {
  loadConfig(env: Readonly<Record<string, string | undefined>>): Promise<Config>;
  createLog(config: Config, override: { level?: string; format?: 'json' | 'pretty' }): Promise<RootLog>;
  openProducer(config: Config, log: RootLog): Promise<Producer>;
  runRole(role: Role, config: Config, log: RootLog): Promise<number>;
  migrate(url: string): Promise<void>;
  startSimulator(options: SimulatorOptions): Promise<Simulator>;
}

export type { Log, RootLog };

/** The services of the product. */
export const realServices: Services = {
  loadConfig: async (env) => (await import('../config/config.ts')).loadConfig(env),
  createLog: async (config, override) => {
    const [{ createLog }, { secretsOf }] = await Promise.all([import('../observability/log.ts'), import('../config/config.ts')]);
    return createLog({
      level: override.level ?? config.log.level,
      format: override.format ?? config.log.format,
      secrets: secretsOf(config),
    });
  },
  openProducer: async (config, log) => (await import('../app/producer.ts')).openProducer(config, log, { brief: true }),
  runRole: async (role, config, log) => (await import('../app/roles.ts')).runRole(role, config, log),
  migrate: async (url) => (await import('../db/migrate.ts')).migrateDatabase(url),
  startSimulator: async (options) => (await import('../simulator/index.ts')).startSimulator(options),
};
