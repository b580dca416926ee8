import { describe, expect, it } from 'vitest';
import { invalid, ProvisioningError, shownProblems } from '../../../src/domain/errors.ts';
import { parseAmount } from '../../../src/domain/money.ts';
import {
  clipped,
  csvCell,
  keyProblem,
  labelProblem,
  textProblem,
  visible,
  visibleJson,
  visibleLines,
} from '../../../src/domain/text.ts';

describe('text is text', () => {
  it.each(['a\0b', '\ud83d', 'a\udc00b'])('%j is no text', (text) => {
    expect(textProblem(text)).toMatch(/^holds U\+[0-9A-F]{4}, which is no text$/);
    expect(labelProblem(text)).not.toBeNull();
    expect(keyProblem(text)).not.toBeNull();
  });

  it.each([
    '\u0007',
    '\t',
    '\n',
    '\r',
    '\u001b[8m',
    '\u007f',
    '\u0085',
    '\u202e',
    '\u2066',
    '\u200f',
    '\u061c',
    '\u2028',
    '\u2029',
  ])('a label may not hold %j', (text) => expect(labelProblem(`a${text}b`)).toMatch(/^holds U\+/));

  it.each(['Chicago launch', 'Zürich №1', '日本', '👩‍👩‍👧', 'نص', ''])('a label may be %s', (text) => {
    expect(labelProblem(text)).toBeNull();
    expect(visible(text)).toBe(text);
  });

  it('what a terminal obeys, and what shows nothing, is written out', () => {
    expect(visible('a\u202eb\u001b[2Jc\nd\u200be\ud800f\ufeff')).toBe(
      'a\\u{202E}b\\u{1B}[2Jc\\u{A}d\\u{200B}e\\u{D800}f\\u{FEFF}',
    );
    expect(visibleLines('a\nb\r')).toBe('a\nb\\u{D}');
  });

  it('JSON keeps its value and loses what a terminal obeys', () => {
    const value = { label: 'a\u202eb\u009bc\u007fd\u{e0041}' };
    const json = visibleJson(JSON.stringify(value, null, 2));
    expect(json).not.toMatch(/[\u007f-\u009f\u202e\u{e0041}]/u);
    expect(JSON.parse(json)).toEqual(value);
  });
});

describe('cells of a CSV', () => {
  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '＋1', '－1', '＠A1'])(
    '%j is not calculated',
    (text) => {
      expect(csvCell(text)).toBe(`'${visible(text)}`);
    },
  );

  it.each(['a=1', "'=1", 'solar,east', '', '2026-11-01T00:00:00.000Z'])('%j stays as it is', (text) => {
    expect(csvCell(text)).toBe(text);
  });
});

describe('an error has a size', () => {
  const many = Array.from({ length: 250 }, (_, i) => ({ path: `lines.${i}`, message: 'is wrong' }));

  it('a hundred problems are told, then how many more there are, also when they are told once more', () => {
    const told = shownProblems(many);
    expect([told.length, told.at(-1)]).toEqual([101, { path: '', message: 'and 150 more' }]);
    expect(shownProblems(told)).toEqual(told);
    expect(shownProblems([{ path: 'x', message: 'y' }, ...told]).at(-1)).toEqual({ path: '', message: 'and 151 more' });
    expect(invalid(many).details).toEqual(told);
    expect(new ProvisioningError('not_found', 'rejected', 'text', { details: many }).details).toEqual(told);
  });

  it('no problem is longer than can be read, and none is cut inside a character', () => {
    const [problem] = invalid([{ path: 'x'.repeat(10_000), message: '👩'.repeat(10_000) }]).details;
    expect(problem?.path.length).toBeLessThan(300);
    expect(problem?.message.length).toBeLessThan(1_100);
    expect(clipped('a👩b', 2)).toBe('a…');
    expect(textProblem(problem?.message ?? '')).toBeNull();
  });
});

it.each(['0', '2.00', '99999999.999999'])('%s is an amount', (text) => expect(parseAmount(text)).not.toBeNull());
it.each(['', ' 1', '-1', '1.', '.5', '1e9', '100000000', '1.0000001', '9'.repeat(1_000_000)])('an amount is not %s', (text) =>
  expect(parseAmount(text)).toBeNull(),
);
