import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { referencePage } from '../../scripts/codes-page.ts';
import { loadConfig } from '../../src/config/config.ts';
import { configurationPage, describeConfig, envExample } from '../../src/config/describe.ts';
import { DEFAULT_RATES } from '../../src/domain/rate-families.ts';
import { createRateLimiter } from '../../src/telnyx/pacing/rate-limit.ts';
import { ROOT } from '../support/sources.ts';

const page = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

describe('generated pages', () => {
  it('docs/configuration.md is what the schema says (npm run docs:generate)', () => {
    expect(page('docs/configuration.md')).toBe(configurationPage());
  });

  it('.env.example is what the schema says (npm run docs:generate)', () => {
    expect(page('.env.example')).toBe(envExample());
  });

  it('the codes in docs/reference.md are those of the code (npm run docs:generate)', () => {
    expect(page('docs/reference.md')).toBe(referencePage(page('docs/reference.md')));
  });

  it('every default is itself a valid value, and gives the same configuration as leaving it out', () => {
    const defaults = Object.fromEntries(describeConfig().map((row) => [row.name, row.default]));
    expect(JSON.stringify(loadConfig(defaults))).toBe(JSON.stringify(loadConfig({})));
  });
});

it('the families start at their rates where the configuration sets no cap, and the page names these rates', async () => {
  const config = loadConfig({});
  const limiter = createRateLimiter({ rates: config.telnyx.ratesPerSecond });
  const rates = Object.fromEntries(limiter.limits().map(({ family, perSecond }) => [family, perSecond]));
  await limiter.close();
  expect(rates).toEqual(DEFAULT_RATES);
  for (const [family, rate] of Object.entries(DEFAULT_RATES)) expect(configurationPage()).toContain(`${family}=${rate}`);
});
