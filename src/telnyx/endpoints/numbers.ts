import { type E164, inSlices, isE164 } from '../../domain/phone-number.ts';
import type { Balance, NumbersPage, NumbersQuery } from '../gateway.ts';
import type { Transport } from '../transport.ts';
import { MAX_NUMBERS } from './limits.ts';
import { MAX_PAGE_SIZE } from './pages.ts';
import { accountNumberRow, balanceAnswer, listAnswer, ownershipAnswer } from './wire.ts';

/** Returns the numbers that the account owns and may edit, with their ids. The POST changes nothing, so it may be repeated. */
export async function verifyOwnership(transport: Transport, numbers: E164[]): Promise<Map<E164, string>> {
  const owned = new Map<E164, string>();
  for (const slice of inSlices([...new Set(numbers)], MAX_NUMBERS)) {
    const found = await transport.call(
      { family: 'ownership', operation: 'numbers.verify_ownership', phase: 'read', numbers: slice.length },
      (client, options) => client.phoneNumbers.actions.verifyOwnership({ phone_numbers: slice }, options),
      ownershipAnswer,
    );
    const asked = new Set(slice);
    for (const [number, id] of found) if (asked.has(number)) owned.set(number, id);
  }
  return owned;
}

/**
 * Returns one page of the account's numbers, sorted by number, because purchases shift that order the least. It reads the full
 * list, because the slim one shows neither deletion lock nor messaging profile. Entries that are not E.164 (short codes) are
 * returned apart.
 */
export async function listNumbers(transport: Transport, query: NumbersQuery): Promise<NumbersPage> {
  const pageSize = Math.min(query.pageSize, MAX_PAGE_SIZE);
  const filter = {
    ...(query.digits === undefined ? {} : { phone_number: query.digits.replaceAll(/\D/g, '') }),
    ...(query.tag === undefined ? {} : { tag: query.tag }),
    ...(query.countryCode === undefined ? {} : { country_iso_alpha2: query.countryCode }),
  };
  const page = await transport.call(
    { family: 'reads', operation: 'numbers.list', phase: 'read' },
    (client, options) =>
      client.phoneNumbers.list(
        {
          'page[number]': query.pageNumber,
          'page[size]': pageSize,
          sort: 'phone_number',
          // Without this, one failed messaging lookup inside Telnyx makes it answer the whole page with 503.
          handle_messaging_profile_error: 'true',
          ...(Object.keys(filter).length === 0 ? {} : { filter }),
        },
        options,
      ),
    listAnswer(accountNumberRow),
  );
  // Without `meta`, a full page may be followed by another.
  const guessed = page.data.length < pageSize ? query.pageNumber : query.pageNumber + 1;
  return {
    numbers: page.data.filter((n) => isE164(n.phoneNumber)),
    leftOut: page.data.filter((n) => !isE164(n.phoneNumber)).map((n) => n.telnyxId),
    pageNumber: page.meta?.page_number ?? query.pageNumber,
    totalPages: page.meta?.total_pages ?? guessed,
    totalResults: page.meta?.total_results ?? null,
  };
}

export async function balance(transport: Transport): Promise<Balance> {
  return await transport.call(
    { family: 'reads', operation: 'balance', phase: 'read' },
    (client, options) => client.balance.retrieve(options),
    balanceAnswer,
  );
}
