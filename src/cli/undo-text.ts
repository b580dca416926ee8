import type { UndoAnswer } from '../producers/read/undo-answer.ts';
import { plural, table } from './output.ts';
import { fieldText } from './request-words.ts';

/** How many changes by somebody else are listed for people. `--json` has more. */
const SHOWN = 10;

type Some = UndoAnswer['under_way'];

/** Says what an undo puts back and what it leaves. */
export function undoText(a: UndoAnswer): string {
  const head =
    a.numbers === 0
      ? `Nothing of request ${a.undoes} can be put back.`
      : `This puts ${plural(a.numbers, 'number')} back to what they were before request ${a.undoes}:`;
  const rows = a.changes.map((c) => [c.field, fieldText(c.from), fieldText(c.to), plural(c.count, 'number'), sampleText(c)]);
  return [
    head,
    ...(rows.length === 0 ? [] : [table(['field', 'from', 'to', 'numbers', 'such as'], rows)]),
    ...(a.more_changes > 0 ? [`and ${plural(a.more_changes, 'further pair')} of values`] : []),
    ...leftText(a),
  ].join('\n');
}

function leftText(a: UndoAnswer): string[] {
  const { count, first } = a.changed_since;
  const changed = first.slice(0, SHOWN).map((c) => {
    const where = [c.by, c.request_id ?? c.run_id].filter((w) => w !== null).join(', ') || 'elsewhere';
    return `  ${c.phone_number}  ${c.field}: the request set ${fieldText(c.request_set)}, now ${fieldText(c.now)} (${where})`;
  });
  return [
    ...(count > 0 ? [`Left: ${plural(count, 'value')} that somebody else changed since:`, ...changed] : []),
    ...(count > changed.length ? [`  and ${count - changed.length} more`] : []),
    ...a.cannot_be_put_back.map((c) => `Left: ${c.field} of ${plural(c.count, 'number')} (${sampleText(c)}): ${c.reason}`),
    ...some(a.under_way, 'that an open request works on'),
    ...some(a.not_owned, 'not in the account any more'),
    ...(a.already_back > 0 ? [`${plural(a.already_back, 'value')} as before already`] : []),
  ];
}

const some = (of: Some, what: string): string[] =>
  of.count === 0 ? [] : [`Left: ${plural(of.count, 'number')} ${what} (${sampleText(of)})`];

const sampleText = ({ count, numbers }: Some): string => `${numbers.join(', ')}${count > numbers.length ? ', …' : ''}`;
