/** The value that one cell sets, or why it sets none. */
export type CellValue = { value: unknown } | { problem: string };

const LISTS: ReadonlySet<string> = new Set(['tags', 'add_tags', 'remove_tags']);
const IDS: ReadonlySet<string> = new Set(['connection_id', 'emergency_address_id']);
/** What takes a value away, for the settings that may be without one. */
const TAKEN_AWAY: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['tags', []],
  ['messaging_profile_id', ''],
  ['emergency_address_id', null],
]);
const NONE = '(none)';
/** Words of other systems for "no value". Some of them would be tags or references, so none of them is taken for a value. */
const NO_VALUE = /^(?:null|nil|none|nan|n\/a|#n\/a|undefined|-)$/i;
/** An apostrophe before what a spreadsheet would calculate, as our own lists write it. */
const ESCAPED = /^'(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])/;

/**
 * Reads one cell of a column with values. `null` for an empty cell, which leaves the setting as it is: an empty cell of a
 * spreadsheet is too often an accident. `(none)` takes a value away.
 */
export function cellValue(field: string, cell: string): CellValue | null {
  const text = cell.trim();
  if (text === '') return null;
  if (text === NONE)
    return TAKEN_AWAY.has(field) ? { value: TAKEN_AWAY.get(field) } : { problem: `cannot be taken away by ${NONE}` };
  if (NO_VALUE.test(text)) {
    const away = TAKEN_AWAY.has(field) ? `, or ${NONE} to take the value away` : '';
    return { problem: `"${text}" is no value; leave the cell empty to leave the setting as it is${away}` };
  }
  if (LISTS.has(field)) return { value: text.split(/[,;|\n]/).flatMap((t) => (t.trim() === '' ? [] : [t.trim()])) };
  if (field.endsWith('_enabled')) return booleanOf(text);
  return IDS.has(field) ? idOf(text) : { value: text.replace(ESCAPED, '') };
}

function booleanOf(text: string): CellValue {
  if (/^(?:true|yes|1)$/i.test(text)) return { value: true };
  return /^(?:false|no|0)$/i.test(text) ? { value: false } : { problem: `"${text}" must be true or false` };
}

/** A spreadsheet keeps 15 digits of a number and writes zeros for the others. */
const ROUNDED = /^(?:[+-]?\d+(?:[.,]\d+)?e[+-]?\d+|[1-9]\d{14}0+(?:[.,]0+)?)$/i;

/** Reads a long id, which a spreadsheet may have taken for a number. */
function idOf(cell: string): CellValue {
  const text = cell.replace(/^'/, '').replace(/^="(.*)"$/, '$1');
  if (ROUNDED.test(text)) {
    return {
      problem: `"${text}" was rounded by a spreadsheet, and its last digits are lost; format the column as text before the ids are put in`,
    };
  }
  return { value: text.replace(/^(\d+)[.,]0+$/, '$1') };
}
