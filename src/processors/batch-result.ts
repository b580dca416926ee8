/** What Telnyx says of each number of a batch that is over. */
export interface BatchResult {
  succeeded: Set<string>;
  failed: Map<string, { code: string; message: string }>;
  /** How the job ended: `completed`, `failed`, `expired`, or `done` for a messaging update. */
  status: string;
}
