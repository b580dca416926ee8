/** Lists that Telnyx documents as one value a key (`filter[features][]=sms&filter[features][]=voice`). */
const LISTS: ReadonlyMap<string, string> = new Map([
  ['filter[features]', 'filter[features][]'],
  ['filter[status][]', 'filter[status][]'],
]);

/**
 * Returns the address with each documented list in bracket form. The SDK writes every array as one comma list. When Telnyx does
 * not split that list, the answer is empty and gives no reason. All other parameters keep every byte, because a city name may
 * contain a comma.
 */
export function bracketLists(address: string): string {
  const from = address.indexOf('?');
  if (from < 0) return address;
  const pairs = address.slice(from + 1).split('&');
  return `${address.slice(0, from)}?${pairs.flatMap(bracketed).join('&')}`;
}

function bracketed(pair: string): string[] {
  const equals = pair.indexOf('=');
  const key = decodeURIComponent(pair.slice(0, Math.max(0, equals)));
  const name = LISTS.get(key);
  if (name === undefined) return [pair];
  const values = decodeURIComponent(pair.slice(equals + 1)).split(',');
  return values.map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
}
