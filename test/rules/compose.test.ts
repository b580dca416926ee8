import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../../src/config/config.ts';
import { VARIABLES } from '../../src/config/variables.ts';
import { ROOT } from '../support/sources.ts';

const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const CONDITIONS = ['service_started', 'service_healthy', 'service_completed_successfully'] as const;
const duration = z.string().regex(/^\d+(ms|s|m)$/);

/** The part of the Compose specification that we use; another key is a typing error until it is added here. */
const service = z.strictObject({
  image: z.string(),
  build: z.literal('.').optional(),
  init: z.boolean().optional(),
  restart: z.enum(['no', 'unless-stopped']),
  read_only: z.boolean().optional(),
  tmpfs: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  profiles: z.array(z.string()).optional(),
  env_file: z.array(z.strictObject({ path: z.string(), required: z.boolean() })).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  network_mode: z.string().optional(),
  depends_on: z.record(z.string(), z.strictObject({ condition: z.enum(CONDITIONS) })).default({}),
  healthcheck: z.strictObject({ test: z.array(z.string()), interval: duration, timeout: duration, retries: z.int() }).optional(),
  stop_grace_period: duration.optional(),
});

const compose = z
  .object({
    name: z.string(),
    services: z.record(z.enum(['postgres', 'redis', 'migrate', 'serve', 'worker', 'simulator']), service),
    volumes: z.record(z.string(), z.null()),
  })
  .parse(parse(text('docker-compose.yml'), { merge: true }));
const { services, volumes } = compose;
const ours = Object.entries(services).filter(([, s]) => s.image === 'provisioner');

describe('docker-compose.yml', () => {
  it('stores: a healthy Postgres 18 and a Redis 7 that neither evicts nor forgets, each on a volume', () => {
    expect([services.postgres.image, services.redis.image]).toEqual(['postgres:18', 'redis:7']);
    expect(services.postgres.healthcheck?.test).toContain('pg_isready');
    expect(services.redis.healthcheck?.test).toEqual(['CMD', 'redis-cli', 'ping']);
    expect(services.redis.command?.join(' ')).toBe('redis-server --appendonly yes --maxmemory-policy noeviction');
    // Since version 18 the image refuses a volume on …/data.
    expect(services.postgres.volumes).toEqual(['postgres:/var/lib/postgresql']);
    expect(services.redis.volumes).toEqual(['redis:/data']);
    expect(Object.keys(volumes).sort()).toEqual(['postgres', 'redis']);
  });

  it('nothing of ours works before the stores are healthy and the migrations are through', () => {
    const healthy = { condition: 'service_healthy' };
    expect(services.migrate.depends_on).toEqual({ postgres: healthy });
    expect(services.migrate.restart).toBe('no');
    for (const s of [services.serve, services.worker]) {
      expect(s.depends_on).toEqual({
        postgres: healthy,
        redis: healthy,
        migrate: { condition: 'service_completed_successfully' },
      });
    }
  });

  it('each of ours runs the command of its name, without root powers, and may drain', () => {
    const commands = Object.fromEntries(ours.map(([name, s]) => [name, s.command?.[0]]));
    expect(commands).toEqual({ migrate: 'migrate', serve: 'serve', worker: 'worker', simulator: 'simulate' });
    for (const [, s] of ours) expect([s.read_only, s.cap_drop, s.init]).toEqual([true, ['ALL'], true]);
    expect(services.worker.stop_grace_period).toBe('90s');
    expect(services.serve.healthcheck?.test.join(' ')).toContain('/readyz');
  });

  it('only the simulator is optional, and it is reached over the loopback of the worker', () => {
    expect(Object.entries(services).filter(([, s]) => s.profiles !== undefined)).toMatchObject([
      ['simulator', { profiles: ['demo'] }],
    ]);
    expect(services.simulator.network_mode).toBe('service:worker');
  });

  it('sets only variables that the configuration knows, and values that it takes', () => {
    for (const [, s] of ours) {
      expect(Object.keys(s.environment).filter((name) => !Object.hasOwn(VARIABLES, name))).toEqual([]);
      const env = Object.fromEntries(
        Object.entries(s.environment).map(([name, value]) => [name, value.replace(/\$\{\w+:-([^}]*)\}/g, '$1')]),
      );
      expect(() => loadConfig(env)).not.toThrow();
    }
  });

  it('publishes one port, on loopback, and no port of the stores', () => {
    expect(Object.entries(services).flatMap(([name, s]) => (s.ports ?? []).map((port) => [name, port]))).toEqual([
      ['serve', '127.0.0.1:8080:8080'],
    ]);
  });
});

describe('Dockerfile', () => {
  const file = text('Dockerfile');
  const instructions = (name: string) =>
    file.split('\n').flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));

  it('is built in stages on the oldest Node that we support, and runs without root', () => {
    expect(instructions('FROM').map((f) => f.split(' ')[0])).toEqual(Array(3).fill('node:20-slim'));
    expect(instructions('USER')).toEqual(['node']);
    expect(instructions('ENTRYPOINT')).toEqual(['["node", "--enable-source-maps", "dist/cli/main.js"]']);
  });

  it('copies only files that are there and that .dockerignore lets through; never .env', () => {
    const allowed = text('.dockerignore')
      .split('\n')
      .filter((l) => l.startsWith('!'))
      .map((l) => l.slice(1));
    const copied = instructions('COPY')
      .filter((c) => !c.startsWith('--from'))
      .flatMap((c) => c.split(' ').slice(0, -1));
    for (const path of copied) expect([path, existsSync(join(ROOT, path)), allowed.includes(path)]).toEqual([path, true, true]);
    expect(text('.dockerignore').split('\n')).toContain('*');
    expect(allowed.filter((a) => a.startsWith('.env'))).toEqual([]);
  });
});
