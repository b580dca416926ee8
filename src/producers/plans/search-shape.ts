import { type ErrorDetail, invalid, ProvisioningError } from '../../domain/errors.ts';
import type { SearchCriteriaLine } from '../../domain/request.ts';
import { lineCriteria } from '../intake/plan.ts';
import { parseRequest } from '../intake/validate.ts';

/** A search as its row stores it. */
export interface SearchBody {
  lines: SearchCriteriaLine[];
  /** First digits after the country code, and after the area code where one is asked for. */
  starts_with?: string;
  /** How many numbers of each area are shown. */
  limit: number;
}

/** A search as users write it: places in the words of a buy line, without a quantity. */
export interface SearchInput {
  lines: Record<string, unknown>[];
  starts_with?: string | undefined;
  limit?: number | undefined;
}

/** Numbers of each area that are shown, and the most that may be asked for. */
export const SHOWN = 20;
export const MOST_SHOWN = 100;
/** Places of one search. Each costs one call or two. */
export const MOST_PLACES = 50;

const FIRST_DIGITS = /^\d{1,10}$/;

/**
 * Checks a search with the rules of a buy line. `at` turns the place of a problem into the words of the caller. Throws
 * `validation_failed` with every problem.
 */
export function parseSearch(input: SearchInput, maxNumberCost: string, at: (path: string) => string): SearchBody {
  const { starts_with, limit = SHOWN, lines } = input;
  const problems: ErrorDetail[] = [];
  if (starts_with !== undefined && !FIRST_DIGITS.test(starts_with))
    problems.push({ path: at('starts_with'), message: 'must be 1 to 10 digits, such as 555' });
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_SHOWN)
    problems.push({ path: at('limit'), message: `must be a whole number from 1 to ${MOST_SHOWN}` });
  if (lines.length > MOST_PLACES) problems.push({ path: at('lines'), message: `a search has at most ${MOST_PLACES} places` });
  const places = placesOf(lines.slice(0, MOST_PLACES), maxNumberCost, at, problems);
  if (problems.length > 0) throw invalid(problems);
  return { lines: places, limit, ...(starts_with !== undefined && { starts_with }) };
}

/** The places of a search. A search without a place is one of its whole country. */
function placesOf(
  lines: SearchInput['lines'],
  maxNumberCost: string,
  at: (path: string) => string,
  problems: ErrorDetail[],
): SearchCriteriaLine[] {
  const asked = lines.length === 0 ? [{}] : lines;
  try {
    const body = parseRequest({ kind: 'buy', lines: asked.map((line) => ({ ...line, quantity: 1 })) });
    if (body.kind !== 'buy') return [];
    return body.lines.flatMap((line) => {
      const criteria = lineCriteria(line, body, maxNumberCost);
      return criteria.kind === 'search' ? [criteria] : [];
    });
  } catch (error) {
    if (!(error instanceof ProvisioningError) || error.code !== 'validation_failed') throw error;
    problems.push(...error.details.map(({ path, message }) => ({ path: at(path), message })));
    return [];
  }
}
