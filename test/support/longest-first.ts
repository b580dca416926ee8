import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files of the process tests that take longest, the longest first. Vitest knows how long a file takes only where it ran before,
 * and else starts the largest file first. A long file that starts last keeps one processor busy while the other has nothing to do.
 */
const LONG = ['chaos', 'stop-whatever', 'stop', 'refusals', 'redis-failover', 'crash', 'crash-update', 'commands'];

/** Starts the files of `LONG` first within their project, and leaves all others in Vitest's own order. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    // A stable sort, so files of equal rank keep their order. The groups of projects stay apart, as Vitest wants them.
    return sorted.toSorted((a, b) => groupOf(a) - groupOf(b) || rankOf(a) - rankOf(b));
  }
}

function groupOf(file: TestSpecification): number {
  return file.project.config.sequence.groupOrder;
}

function rankOf(file: TestSpecification): number {
  const rank = LONG.indexOf(basename(file.moduleId, '.test.ts'));
  return file.project.name === 'process' && rank >= 0 ? rank : LONG.length;
}
