import type { Options } from 'csv-stringify';
import { csvCell } from '../../domain/text.ts';

/**
 * How every CSV is written. A spreadsheet calculates nothing of what others wrote into labels, references, tags and reasons;
 * phone numbers stay as they are, because our own import reads them back.
 */
export const CSV: Options = {
  header: true,
  cast: {
    boolean: String,
    string: (text, { column }) => (column === 'phone_number' ? text : csvCell(text)),
  },
};
