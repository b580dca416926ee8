import type { Options } from 'csv-stringify';
import { csvCell } from '../../domain/text.ts';

/**
 * The options of every CSV that we write. Text of others (labels, references, tags, reasons) is written so that a spreadsheet
 * calculates nothing of it. Phone numbers are written unchanged, because our own import reads them back.
 */
export const CSV: Options = {
  header: true,
  cast: {
    boolean: String,
    string: (text, { column }) => (column === 'phone_number' ? text : csvCell(text)),
  },
};
