import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { endOf } from '../support/child-process.ts';
import { hasProgram } from '../support/pgbouncer.ts';
import { useStages } from '../support/process-stage.ts';
import { hasRedis } from '../support/redis.ts';
import { timed, until } from '../support/until.ts';

const stageWith = useStages();
const hasFaketime = hasProgram('faketime', 'libfaketime');

/** Where Debian puts the library, whatever the machine. */
function library(): string {
  for (const folder of readdirSync('/usr/lib')) {
    const file = `/usr/lib/${folder}/faketime/libfaketime.so.1`;
    if (existsSync(file)) return file;
  }
  throw new Error('libfaketime.so.1 was not found');
}

const offBy = (by: string): Record<string, string> => ({ LD_PRELOAD: library(), FAKETIME: by, DONT_FAKE_MONOTONIC: '1' });

describe.skipIf(!hasRedis() || !hasFaketime)('machines whose clocks differ', { timeout: 240_000 }, () => {
  it.each(['+600s', '-90s'])(
    'a worker that is off by %s beside one that is right costs no time, is told of it, and goes on',
    async (by) => {
      const stage = await stageWith();
      const [right, wrong] = [await stage.worker(), await stage.worker(offBy(by))];
      expect(wrong.stdout + wrong.stderr).toMatch(
        by.startsWith('+')
          ? /clock of this machine is (599|600)\.\d s ahead of the database/
          : /is (89|90)\.\d s behind the database/,
      );
      expect(right.stdout + right.stderr).not.toContain('the clock of this machine');
      const { value, ms } = await timed(() => endOf(stage.buy('312=150', '773=100'), 170_000));
      expect(value.code).toBe(0);
      // Nine seconds on a quiet machine; a single wait by the wrong clock takes a minute and a half.
      expect(ms).toBeLessThan(45_000);
      expect(stage.simulator.ledger().bought).toHaveLength(250);
      expect(await stage.disagreements()).toEqual([]);
      // Both have worked: the times that they wrote are those of one clock.
      const [row] = await stage.sql<{ off: number }[]>`
      select count(*)::int as off from chunks where abs(extract(epoch from updated_at - now())) > 80`;
      expect(row?.off).toBe(0);
    },
  );

  it('an API that is off says so in /readyz, and stays ready', async () => {
    const stage = await stageWith();
    const serve = stage.start(['serve'], offBy('+90s'));
    await serve.saw('listening on');
    const url = /listening on (http:\S+?)["\s]/.exec(`${serve.stdout}${serve.stderr} `)?.[1] ?? '';
    const told = await until('/readyz answers', async () => {
      const answer = await fetch(new URL('/readyz', url));
      return { status: answer.status, body: await answer.text() };
    });
    expect(told).toEqual({
      status: 200,
      body: expect.stringMatching(/clock of this machine is (89|90)\.\d s ahead of the database/),
    });
  });
});
