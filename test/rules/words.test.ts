import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, sourcesIn } from '../support/sources.ts';

// One word has one meaning: the glossary of docs/architecture.md. This list has the words that were replaced. It covers the pages,
// and the comments and texts of the sources.

interface Replaced {
  word: RegExp;
  say: string;
  /** A text that the rule must refuse. */
  refuses: string;
  /** A text that sounds alike and is allowed. */
  allows: string;
}

const REPLACED: readonly Replaced[] = [
  {
    word: /\bstand-?ins?\b/i,
    say: 'simulator',
    refuses: 'It runs against the stand-in.',
    allows: 'What stands in the file is read.',
  },
  {
    word: /\bstrangers?\b/i,
    say: 'a number that is not owned; other people',
    refuses: 'A stranger in a batch refuses it.',
    allows: 'One number that is not owned refuses the batch.',
  },
  {
    word: /\bforeign (?:numbers?|ones?)\b/i,
    say: 'a number that is not owned',
    refuses: 'One foreign number refuses the batch.',
    allows: 'The webhook names a foreign order.',
  },
  {
    word: /\bobstacles?\b/i,
    say: 'blocker',
    refuses: 'An obstacle keeps the number.',
    allows: 'A blocker keeps the number.',
  },
  {
    word: /\bfreed\b|\blifted\b/i,
    say: 'the blockers that were removed',
    refuses: 'The reason says what was lifted.',
    allows: 'The deletion lock was removed for this release.',
  },
  {
    word: /\b(?:last|fresh|second|third|first|several|three|two|one|single|no|all|another|each|every|further|more|earlier|later|many|these|the|a|their) looks?\b(?! up\b|-up)/i,
    say: 'check: one reading of the account that gives evidence; or name the reading',
    refuses: 'Three looks over the window say no.',
    allows: 'The job looks at its row, and a look-up by number follows.',
  },
  {
    word: /\bsubmissions?\b/i,
    say: 'call (of a chunk)',
    refuses: 'The lease of a submission ran out.',
    allows: 'The request is submitted.',
  },
];

const COMMENT_OR_TEXT = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

/** The comments and texts of a source file, without the paths of its imports. */
function saidIn(source: string): string[] {
  return [...source.matchAll(COMMENT_OR_TEXT)].map((m) => m[0]).filter((text) => !/^['"`]\.{1,2}\//.test(text));
}

/** A page without what it quotes: names of tests, of files and of fields keep their own words. */
const withoutQuotes = (page: string): string => page.replace(/`[^`\n]*`/g, '`…`');

function pages(): { path: string; said: string[] }[] {
  const named = ['README.md', 'CONTRIBUTING.md', 'bench/README.md', 'test/walk/README.md', 'test/chaos/README.md'];
  const docs = ['docs', 'docs/decisions'].flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`));
  return [...named, ...docs.filter((path) => path.endsWith('.md'))].map((path) => ({
    path,
    said: [withoutQuotes(readFileSync(join(ROOT, path), 'utf8'))],
  }));
}

function findings({ path, said }: { path: string; said: readonly string[] }): string[] {
  return REPLACED.flatMap(({ word, say }) =>
    said.flatMap((text) => {
      const [found] = word.exec(text) ?? [];
      return found === undefined ? [] : [`${path}: "${found}" → ${say}`];
    }),
  );
}

describe('the words of comments, texts and pages', () => {
  const all = [...sourcesIn('src').map((file) => ({ path: file.path, said: saidIn(file.text) })), ...pages()];

  it('are those of the glossary', () => {
    expect(all.length).toBeGreaterThan(100);
    expect(all.flatMap(findings)).toEqual([]);
  });

  it('are seen by this test at all', () => {
    for (const { word, refuses, allows } of REPLACED) {
      expect(refuses).toMatch(word);
      expect(findings({ path: 'a.ts', said: saidIn(`const a = 1; // ${refuses}\n`) })).toHaveLength(1);
      expect(findings({ path: 'a.ts', said: saidIn(`log('${refuses}');\n`) })).toHaveLength(1);
      expect(findings({ path: 'a.ts', said: saidIn(`/** ${allows} */\n`) })).toEqual([]);
    }
    expect(saidIn("import { a } from './stranger.ts';\n")).toEqual([]);
    expect(withoutQuotes('| `the last look` |')).toBe('| `…` |');
  });
});

describe('the glossary', () => {
  it('explains each word once', () => {
    const [, section = ''] = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8').split('\n## Glossary\n');
    const words = [...(section.split('\n## ')[0] ?? '').matchAll(/^\| ([^|]+) \|/gm)].map((m) => m[1] ?? '');
    expect(words.length).toBeGreaterThan(25);
    expect(words.length).toBeLessThan(50);
    expect(new Set(words).size).toBe(words.length);
  });
});
