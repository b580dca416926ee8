import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { aliveFile } from '../../src/app/alive-file.ts';
import { loadConfig } from '../../src/config/config.ts';
import { VARIABLES } from '../../src/config/variables.ts';
import { createLog } from '../../src/observability/log.ts';
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

/** What a person fills in. */
const SAMPLES: Record<string, string> = {
  POSTGRES_PASSWORD: 'a-password-of-mine',
  PROVISIONER_API_KEYS: 'me:a-key-of-mine-alone',
  TELNYX_API_KEY: 'KEY_SIM',
};

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

  it('has no password of its own: each secret is asked for, and only the worker gets the key of Telnyx', () => {
    const secrets = ['TELNYX_API_KEY', 'TELNYX_PUBLIC_KEY', 'PROVISIONER_API_KEYS', 'POSTGRES_PASSWORD'];
    // An empty value wins over the .env file, and counts as not set.
    const given = (s: z.output<typeof service>) => secrets.filter((name) => s.environment[name] !== '');
    expect(given(services.migrate)).toEqual([]);
    expect(given(services.serve)).toEqual(['TELNYX_PUBLIC_KEY', 'PROVISIONER_API_KEYS']);
    expect(given(services.worker)).toEqual(['TELNYX_API_KEY']);
    expect(services.serve.environment['PROVISIONER_API_KEYS']).toMatch(/^\$\{PROVISIONER_API_KEYS:\?/);
    expect(services.worker.environment['TELNYX_API_KEY']).toMatch(/^\$\{TELNYX_API_KEY:\?/);
    expect(services.postgres.environment['POSTGRES_PASSWORD']).toMatch(/^\$\{POSTGRES_PASSWORD:\?/);
    expect(text('docker-compose.yml')).not.toMatch(/\$\{[A-Z_]*(?:PASSWORD|KEY|KEYS):-[^}]/);
    expect(text('.env.example')).toMatch(/^# POSTGRES_PASSWORD=$/m);
  });

  it('a worker is healthy while it renews its file, and only then', async () => {
    const [cmd, program, flag, script = ''] = services.worker.healthcheck?.test ?? [];
    expect([cmd, program, flag]).toEqual(['CMD', 'node', '-e']);
    const path = services.worker.environment['PROVISIONER_ALIVE_FILE'] ?? '';
    const folder = mkdtempSync(join(tmpdir(), 'alive-'));
    const file = join(folder, 'alive');
    const look = () => spawnSync(process.execPath, ['-e', script.replace(path, file)]).status;
    expect(script).toContain(path);
    expect(look()).toBe(1);
    const troubles: string[] = [];
    const log = createLog({ level: 'silent', format: 'json' });
    const alive = aliveFile(file, { problems: () => troubles }, log);
    await alive.start?.();
    expect(look()).toBe(0);
    utimesSync(file, new Date(), new Date(Date.now() - 61_000));
    expect(look()).toBe(1);
    await alive.stop();
    expect(existsSync(file)).toBe(false);
    await expect(aliveFile(join(folder, 'no', 'alive'), { problems: () => [] }, log).start?.()).rejects.toThrow('ENOENT');
  });

  it('sets only variables that the configuration knows, and values that it takes', () => {
    for (const [, s] of ours) {
      const unknown = Object.keys(s.environment).filter((name) => !Object.hasOwn(VARIABLES, name));
      expect(unknown.filter((name) => name !== 'POSTGRES_PASSWORD')).toEqual([]);
      const env = Object.fromEntries(
        Object.entries(s.environment).map(([name, value]) => [
          name,
          value.replace(/\$\{\w+:-([^}]*)\}/g, '$1').replace(/\$\{(\w+):\?[^}]+\}/g, (_, v: string) => SAMPLES[v] ?? ''),
        ]),
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

  it('is built in stages on the present Node LTS, says why no digest pins it, and runs without root', () => {
    expect(instructions('FROM').map((f) => f.split(' ')[0])).toEqual(Array(3).fill('node:24-slim'));
    expect(file).toContain('not by a digest');
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

describe('package.json', () => {
  const manifest = z
    .object({ license: z.string(), overrides: z.record(z.string(), z.string()), '//overrides': z.record(z.string(), z.string()) })
    .parse(JSON.parse(text('package.json')));

  it('gives a reason for each override, and its license as a file', () => {
    expect(Object.keys(manifest['//overrides']).sort()).toEqual(Object.keys(manifest.overrides).sort());
    for (const reason of Object.values(manifest['//overrides'])) expect(reason.length).toBeGreaterThan(30);
    expect([manifest.license, text('LICENSE').split('\n')[0]]).toEqual(['MIT', 'MIT License']);
  });
});
