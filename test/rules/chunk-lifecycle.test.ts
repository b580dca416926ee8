import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHUNK_MOVES, CHUNK_STATES, isFinal, moveOf, OPEN_STATES } from '../../src/domain/chunk.ts';
import { ROOT, sourcesIn } from '../support/sources.ts';

const BLOCK = /```mermaid\s+stateDiagram-v2\s*\n([\s\S]*?)```/g;
const EDGE = /^\s*(\w+) --> (\w+) : (\w+)\s*$/;

/** The edges of the one state diagram of a page; a line that is no edge between states is an error. */
function edgesOf(page: string): string[] {
  const blocks = [...page.matchAll(BLOCK)].map((m) => m[1] ?? '');
  if (blocks.length !== 1) throw new Error(`there must be one state diagram, not ${blocks.length}`);
  const lines = (blocks[0] ?? '').split('\n').filter((line) => line.trim() !== '' && !line.includes('[*]'));
  return lines.map((line) => {
    const [, from, to, cause] = EDGE.exec(line) ?? [];
    if (cause === undefined) throw new Error(`this is no edge of the form "from --> to : cause": ${line}`);
    return `${from} --> ${to} : ${cause}`;
  });
}

const page = readFileSync(join(ROOT, 'docs/chunk-lifecycle.md'), 'utf8');
const table = CHUNK_MOVES.map((m) => `${m.from} --> ${m.to} : ${m.cause}`);

describe('the drawing of the chunk life', () => {
  it('shows exactly the legal moves of the table, each once', () => {
    expect(edgesOf(page).sort()).toEqual([...table].sort());
    expect(new Set(table).size).toBe(table.length);
  });

  it('explains every state and every cause in words', () => {
    for (const state of CHUNK_STATES) expect(page, state).toContain(`\`${state}\``);
    for (const { cause } of CHUNK_MOVES) expect(page, cause).toContain(`\`${cause}\``);
  });

  it('is seen by this test at all', () => {
    const draw = (lines: string) => edgesOf(`\`\`\`mermaid\nstateDiagram-v2\n${lines}\n\`\`\``);
    expect(draw('    [*] --> planned\n    planned --> cancelled : cancel')).toEqual(['planned --> cancelled : cancel']);
    expect(() => draw('planned -> cancelled')).toThrow(/no edge/);
    expect(() => edgesOf('no drawing')).toThrow(/one state diagram/);
  });
});

describe('the table of moves', () => {
  it('leads from every open state to an end, and from no end anywhere', () => {
    for (const state of CHUNK_STATES)
      expect(
        CHUNK_MOVES.some((m) => m.from === state),
        state,
      ).toBe(!isFinal(state));
    const reaches = new Set(CHUNK_STATES.filter(isFinal));
    for (let before = -1; before !== reaches.size; ) {
      before = reaches.size;
      for (const m of CHUNK_MOVES) if (reaches.has(m.to)) reaches.add(m.from);
    }
    expect(OPEN_STATES.filter((s) => !reaches.has(s))).toEqual([]);
  });

  it('I3 never leads from an unknown outcome to a new submission but over "planned", by evidence or by a person', () => {
    const resends = CHUNK_MOVES.filter((m) => m.to === 'planned').map((m) => `${m.from}: ${m.cause}`);
    expect(resends.sort()).toEqual(['ambiguous: not_sent', 'needs_attention: declare_not_sent', 'submitting: try_later']);
    expect(CHUNK_MOVES.filter((m) => m.to === 'submitting').map((m) => m.from)).toEqual(['planned']);
    expect(moveOf('submitting', 'lease_expired')?.to).toBe('ambiguous');
    expect(moveOf('settled', 'claim')).toBeNull();
  });

  it('I10 is the only way: no other file than db/chunks.ts writes the state of a chunk', () => {
    const writers = sourcesIn('src')
      .filter((f) => /update\s+chunks\s+set[^`]*\bstate\s*=/i.test(f.text) || /insert\s+into\s+chunks\b/i.test(f.text))
      .map((f) => f.path);
    // A list becomes planned chunks set-wise; their first events are in the same statement.
    expect(writers).toEqual(['src/db/chunks.ts', 'src/db/incoming-rows.ts', 'src/db/incoming.ts']);
  });
});
