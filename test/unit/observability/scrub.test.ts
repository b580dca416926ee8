import { describe, expect, it } from 'vitest';
import { createScrubber, plainUrl } from '../../../src/observability/scrub.ts';

const scrub = createScrubber([]);

describe('an address in a text', () => {
  it.each([
    'connect postgres://me:hunter22@db:5432/x failed',
    'redis://:hunter22@cache',
    'https://me:hunter22@api.example/v2?page=1',
    'with an @ in it: postgres://me:hun@hunter22@db/x',
    'with a slash in it: postgres://me:hun/hunter22@db/x',
    'only a token: https://hunter22@api.example/v2',
    '"redis://a:hunter22@one:6379","redis://b:hunter22@two:6379"',
    'https://api.example/v2?key=hunter22&page=1',
  ])('shows no login: %s', (text) => {
    expect(scrub(text)).not.toContain('hunter22');
    expect(scrub(text)).toContain('[redacted]');
  });

  it.each([
    'http://127.0.0.1:8080/queues?mail=me@example.org',
    'redis://cache:6379, someone@example.org',
    'postgres://db:5432',
    'mail someone@example.org',
    'https://api.telnyx.com/v2/number_orders?page[size]=250',
  ])('without a login stays as it is: %s', (text) => {
    expect(scrub(text)).toBe(text);
  });

  it('is cut down to where it leads', () => {
    expect(plainUrl('https://me:hunter22@api.example:444/v2?key=hunter22#hunter22')).toBe('https://api.example:444/v2');
    expect(plainUrl('hunter22')).toBe('[redacted]');
  });
});
