import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, ROOT, sourcesIn } from '../support/sources.ts';

const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');

/** Every room may import these, so the drawing leaves them out. The library's entry is no room. */
const LEFT_OUT: ReadonlySet<string> = new Set(['domain', 'config', 'observability', 'index.ts']);

type Edge = readonly [from: string, to: string];

/** The arrows of the one flowchart of a page. */
function arrowsOf(text: string): Edge[] {
  const [, drawing = ''] = /```mermaid\s+flowchart LR\n([\s\S]*?)```/.exec(text) ?? [];
  return drawing
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, from, to] = /^\s*(\w+) --> (\w+)$/.exec(line) ?? [];
      if (from === undefined || to === undefined) throw new Error(`this is no arrow of the form "from --> to": ${line}`);
      return [from, to];
    });
}

/** Which room imports which, by at least one file. */
function importedRooms(): Edge[] {
  const roomOf = (path: string): string => path.split('/')[1] ?? '';
  const found = sourcesIn('src').flatMap((file) =>
    importsOf(file).flatMap(({ path }) => (path?.startsWith('src/') ? [`${roomOf(file.path)} ${roomOf(path)}`] : [])),
  );
  const edges = [...new Set(found)].map((edge): Edge => [edge.split(' ')[0] ?? '', edge.split(' ')[1] ?? '']);
  return edges.filter(([from, to]) => from !== to && !LEFT_OUT.has(from) && !LEFT_OUT.has(to));
}

/** Everything that the arrows lead to from a room. */
function reachable(from: string, arrows: readonly Edge[]): Set<string> {
  const rooms = new Set([from]);
  for (const room of rooms) for (const [a, b] of arrows) if (a === room) rooms.add(b);
  return rooms;
}

const named = ([from, to]: Edge): string => `${from} --> ${to}`;
const notImported = (arrows: readonly Edge[], imports: readonly Edge[]): string[] =>
  arrows.map(named).filter((arrow) => !imports.map(named).includes(arrow));
const againstArrows = (arrows: readonly Edge[], imports: readonly Edge[]): string[] =>
  imports.filter(([from, to]) => !reachable(from, arrows).has(to)).map(named);

describe('docs/architecture.md', () => {
  const arrows = arrowsOf(page);
  const imports = importedRooms();

  it('draws only arrows that exist', () => {
    expect(arrows.length).toBeGreaterThan(8);
    expect(notImported(arrows, imports)).toEqual([]);
  });

  it('draws every way that imports go', () => {
    expect(imports.length).toBeGreaterThan(15);
    expect(againstArrows(arrows, imports)).toEqual([]);
  });

  it('names every room and its folders', () => {
    const folders = (at: string): string[] =>
      readdirSync(join(ROOT, at)).filter((name) => statSync(join(ROOT, at, name)).isDirectory());
    const missing = folders('src').flatMap((room) => [
      ...(page.includes(`src/${room}/ `) ? [] : [`src/${room}`]),
      ...folders(`src/${room}`)
        .filter((folder) => !new RegExp(`^ {4}(?:.* )?${folder}/ `, 'm').test(page))
        .map((folder) => `src/${room}/${folder}`),
    ]);
    expect(missing).toEqual([]);
  });

  it('is seen by this test at all', () => {
    const draw = (lines: string): Edge[] => arrowsOf(`\`\`\`mermaid\nflowchart LR\n${lines}\n\`\`\``);
    const drawn = draw('    cli --> app\n    app --> db');
    expect(drawn).toEqual([
      ['cli', 'app'],
      ['app', 'db'],
    ]);
    expect(() => draw('    cli -> app')).toThrow(/no arrow/);
    expect(notImported(drawn, [['cli', 'app']])).toEqual(['app --> db']);
    expect(againstArrows(drawn, [['cli', 'db']])).toEqual([]);
    expect(againstArrows(drawn, [['db', 'cli']])).toEqual(['db --> cli']);
  });
});
