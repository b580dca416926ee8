import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { hasRedis } from '../support/redis.ts';
import { ROOT } from '../support/sources.ts';

// The faults and their order are those of the seed; `npm run chaos` runs the whole of it.
it.skipIf(!hasRedis())(
  'the small chaos run ends with ledger = database = asked',
  async () => {
    const loader = pathToFileURL(join(ROOT, 'node_modules/tsx/dist/loader.mjs')).href;
    const args = ['--import', loader, join(ROOT, 'test/chaos/main.ts'), '--small', '--seed', '1'];
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let [table, log] = ['', ''];
    child.stdout.on('data', (data: Buffer) => {
      table += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      log += data.toString();
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code, `${log}\n${table}`).toBe(0);
    expect(table).toContain('Ledger = database = asked');
  },
  600_000,
);
