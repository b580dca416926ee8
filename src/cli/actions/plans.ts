import { notFound } from '../../domain/errors.ts';
import { makeSearch } from '../../producers/plans/make-plan.ts';
import { readPlan } from '../../producers/plans/plan-view.ts';
import { applyPlan } from '../../producers/plans/wait.ts';
import { actor, type Cli, note, result, withProducer } from '../cli.ts';
import { confirm, requireConsent } from '../confirm.ts';
import { parseDuration } from '../duration.ts';
import { EXIT } from '../exit-table.ts';
import { wholeNumber } from '../flag-values.ts';
import { cityCriteria } from '../flags.ts';
import { computedPlan, whileWaiting } from '../plan.ts';
import { availableText, planText } from '../plan-text.ts';
import { commaList } from '../settings.ts';
import { accepted } from '../submit.ts';
import { waitAndReport } from '../wait-report.ts';

/** The flags of `search`. */
export interface SearchFlags {
  ndc: string[];
  state: string[];
  city: string[];
  tollFree?: boolean;
  feature: string[];
  country?: string;
  startsWith?: string;
  limit: string;
  json?: boolean;
}

/** The flags of `apply`. */
export interface ApplyFlags {
  allowChanges?: boolean;
  wait?: boolean;
  timeout?: string;
  yes?: boolean;
  json?: boolean;
}

/** How long a search, or the check before a plan becomes a request, may take, in milliseconds. */
const PATIENCE_MS = 600_000;

/** Shows what is on sale. Returns the exit code. */
export async function search(cli: Cli, flags: SearchFlags): Promise<number> {
  const features = flags.feature.flatMap(commaList);
  const common = { country_code: flags.country ?? 'US', ...(features.length > 0 && { features }) };
  const lines = [
    ...flags.ndc.map((code) => ({ ...common, national_destination_code: code })),
    ...flags.state.map((state) => ({ ...common, administrative_area: state })),
    ...flags.city.map((city) => ({ ...common, ...cityCriteria(city) })),
    ...(flags.tollFree === true ? [{ ...common, phone_number_type: 'toll_free' }] : []),
  ];
  const input = {
    lines: lines.length === 0 ? [common] : lines,
    starts_with: flags.startsWith,
    limit: wholeNumber(flags.limit, '--limit'),
  };
  return withProducer(cli, async (deps) => {
    const { id } = await makeSearch(deps, input, { actor: actor(), at: flagOf });
    const plan = await computedPlan(cli, deps, id, PATIENCE_MS);
    if (plan === null) return EXIT.interrupted;
    const found = plan.result;
    if (found === null || found.kind !== 'search') throw new Error(`search ${id} has no result`);
    await result(cli, flags.json, { areas: found.areas, notes: found.notes }, () => availableText(found, cli.io.paintOut));
    return EXIT.ok;
  });
}

const FLAGS: Readonly<Record<string, string>> = {
  national_destination_code: '--ndc',
  administrative_area: '--state',
  locality: '--city',
  features: '--feature',
  country_code: '--country',
  starts_with: '--starts-with',
  limit: '--limit',
};

/** The flag for a place in the body of a search. */
function flagOf(path: string): string {
  const field = path.replace(/^lines\.\d+\./, '').replace(/\.\d+$/, '');
  return FLAGS[field] ?? path;
}

/** Files the request of a plan, once. Returns the exit code. */
export async function apply(cli: Cli, id: string, flags: ApplyFlags): Promise<number> {
  const timeoutMs = parseDuration(flags.timeout ?? '10m', '--timeout');
  requireConsent(cli.io, flags.yes);
  return withProducer(cli, async (deps) => {
    const view = await readPlan(deps.db, id, deps.clock.now());
    if (view === null) throw notFound(`there is no plan ${id}`);
    await confirm(cli.io, view.request_id === null ? flags.yes : true, async () => planText(view, cli.io.paintErr));
    const applied = await whileWaiting(cli, deps, (wait) =>
      applyPlan(deps, id, { actor: actor(), allowChanges: flags.allowChanges === true }, { ...wait, timeoutMs: PATIENCE_MS }),
    );
    if (applied === null) return EXIT.interrupted;
    note(
      cli,
      applied.created
        ? `plan ${id} is request ${applied.requestId}`
        : `plan ${id} was applied before: request ${applied.requestId}`,
    );
    return flags.wait === true
      ? waitAndReport(cli, deps, applied.requestId, { timeoutMs, json: flags.json })
      : accepted(cli, deps, applied.requestId, flags.json);
  });
}
