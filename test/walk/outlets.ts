import { createLog, type Log } from '../../src/observability/log.ts';
import { Violation } from './notes.ts';

/** The API key of a walk. No mask of the log knows it by its shape, and it does not appear anywhere by chance. */
export const API_KEY = 'walkedAccount9f3Kq71vZ';

const MOST_KEPT = 3;

/**
 * The output of the product besides calls and rows: log lines, queue jobs, texts of errors. Each is searched as it comes, and
 * only violations are kept.
 */
export class Outlets {
  /** The log of the product at its lowest level. The key is not among its secrets, because it must not reach the log at all. */
  readonly log: Log;
  #leaks: string[] = [];
  #failures: string[] = [];

  constructor() {
    this.log = createLog({ level: 'debug', format: 'json', destination: { write: (line) => this.#hear(line) } });
  }

  reset(): void {
    this.#leaks = [];
    this.#failures = [];
  }

  /** I11: the key must not be in this text. */
  scan(where: string, text: string): void {
    if (text.includes(API_KEY) && this.#leaks.length < MOST_KEPT) this.#leaks.push(`${where}: ${text}`);
  }

  check(): void {
    if (this.#leaks.length > 0) throw new Violation('I11', 'the key of the account was let out', this.#leaks);
    if (this.#failures.length > 0)
      throw new Violation('no handler throws', 'the sweep failed with an unknown error', this.#failures);
  }

  #hear(line: string): void {
    this.scan('log', line);
    // The sweep catches the errors of its parts, so only its log shows them.
    const isFailedPart = line.includes('"level":"error"') && line.includes('"part":');
    if (isFailedPart && !line.includes('"type":"ProvisioningError"') && this.#failures.length < MOST_KEPT)
      this.#failures.push(line);
  }
}
