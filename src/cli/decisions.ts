import type { Resolution } from '../producers/actions/decide.ts';

/** What each decision about a chunk does, said the same wherever a person chooses. */
export const DECISIONS: Readonly<Record<Resolution['kind'], string>> = {
  adopt: 'Telnyx accepted it as this order or job: the worker follows that one',
  not_sent:
    'Telnyx never accepted it: the same numbers are sent again (Telnyx refuses a second sale of a number, but carries out an update or a release again)',
  give_up: 'its open numbers end as failed, whatever Telnyx did with them',
};
