import { AREAS, type WeightedArea } from './areas.ts';
import { pick, type Random, seededRandom } from './random.ts';
import type { Area, OwnedNumber, PoolNumber } from './types.ts';

/** Ids the account really has; other well-formed ones are accepted too. */
export const SIMULATED_ACCOUNT = {
  connectionIds: ['1293384261075731499', '1293384261075731500'],
  messagingProfileIds: ['3fa85f64-5717-4562-b3fc-2c963f66afa6', '4001776f-5ec8-4e9a-9c05-2b1a2b0e3a11'],
  billingGroupIds: ['f5586561-8ff0-4291-a0ac-84fe544797bd'],
  emergencyAddressIds: ['1315261609962112019', '1315261609962112020'],
} as const;

/** Well-formed ids that every endpoint refuses as unknown. */
export const SIMULATED_BAD_IDS = {
  connectionId: '1293384261075730000',
  messagingProfileId: '00000000-0000-4000-8000-000000000000',
  billingGroupId: '00000000-0000-4000-8000-000000000001',
} as const;

const ALL_FEATURES = ['sms', 'mms', 'voice', 'fax', 'emergency', 'hd_voice'] as const;
const VOICE_ONLY = ['voice', 'fax', 'emergency'] as const;
const EXCHANGES = Array.from({ length: 800 }, (_, n) => n + 200).filter((nxx) => nxx % 100 !== 11 && nxx !== 555);
const TAG_SETS: readonly [readonly string[], ...(readonly string[])[]] = [
  [],
  [],
  [],
  [],
  ['solar'],
  ['solar'],
  ['solar'],
  ['legacy'],
  ['legacy'],
  ['solar', 'legacy'],
];
const DAY = 86_400_000;

/** Hands out unique, valid numbers for each area, for the pool and the account alike. */
export function numberMaker(random: Random): (area: Area) => string {
  const used = new Map<string, { next: number; offset: number }>();
  return (area) => {
    const key = area.countryCode + area.ndc;
    const cursor = used.get(key) ?? { next: 0, offset: Math.floor(random() * 7_000_000) };
    used.set(key, cursor);
    // A stride prime to the space visits every number once, in an order that looks random.
    const slot = (cursor.offset + cursor.next * 1_000_003) % (EXCHANGES.length * 10_000);
    cursor.next += 1;
    const line = String(slot % 10_000).padStart(4, '0');
    const exchange = String(EXCHANGES[Math.floor(slot / 10_000)] ?? 200);
    const subscriber = area.countryCode === '1' ? exchange + line : `7${exchange}${line}`;
    return `+${area.countryCode}${area.ndc}${subscriber}`;
  };
}

/** Splits a total over the areas by weight; small totals still reach every area they can. */
function quotas(total: number, areas: readonly WeightedArea[]): number[] {
  const sum = areas.reduce((acc, entry) => acc + entry.weight, 0);
  const result = areas.map((entry) => Math.floor((total * entry.weight) / sum));
  let rest = total - result.reduce((acc, count) => acc + count, 0);
  for (let n = 0; rest > 0; n = (n + 1) % result.length) {
    result[n] = (result[n] ?? 0) + 1;
    rest -= 1;
  }
  return result;
}

function poolNumber(entry: WeightedArea, e164: string, random: Random): PoolNumber {
  const costly = entry.area.type === 'local' && random() < 0.07;
  const tollFree = entry.area.type === 'toll_free';
  return {
    e164,
    area: entry.area,
    features: random() < 0.92 || tollFree ? ALL_FEATURES : VOICE_ONLY,
    upfront: entry.dear ? 50_000 : costly ? 200 : 100,
    monthly: entry.dear ? 4_000 : costly ? 200 : 100,
    quickship: tollFree ? random() < 0.7 : true,
    reservable: random() < 0.97,
  };
}

/** The next number id: 19 decimal digits, beyond what a double can hold. */
export function numberId(sequence: number): string {
  return (1_500_000_000_000_000_000n + BigInt(sequence) * 7_919_000_003n).toString();
}

/** A number as it comes into an account: nothing attached, nothing set, shown at once. */
export function plainOwned(sequence: number, { e164, area }: Pick<PoolNumber, 'e164' | 'area'>, at: number): OwnedNumber {
  return {
    id: numberId(sequence),
    e164,
    area,
    status: 'active',
    tags: [],
    connectionId: null,
    billingGroupId: null,
    customerReference: null,
    messagingProfileId: null,
    messagingProduct: null,
    externalPin: null,
    hdVoice: false,
    locked: false,
    emergency: 'disabled',
    emergencySettlesAt: 0,
    emergencyEndsAs: 'disabled',
    emergencyAddressId: null,
    voice: undefined,
    createdAt: at,
    updatedAt: at,
    appearedAt: 0,
    deletedAt: undefined,
  };
}

function seededOwned(entry: WeightedArea, e164: string, sequence: number, at: number, random: Random): OwnedNumber {
  return {
    ...plainOwned(sequence, { e164, area: entry.area }, at),
    tags: pick(random, TAG_SETS),
    connectionId: random() < 0.8 ? pick(random, SIMULATED_ACCOUNT.connectionIds) : null,
    billingGroupId: random() < 0.3 ? SIMULATED_ACCOUNT.billingGroupIds[0] : null,
    messagingProfileId: random() < 0.6 ? pick(random, SIMULATED_ACCOUNT.messagingProfileIds) : null,
  };
}

/** The start state: what is on sale and what the account owns, both fixed by the seed. */
export function seedWorld(
  seed: number,
  numbers: number,
  owned: number,
  now: number,
): { pool: PoolNumber[]; owned: OwnedNumber[] } {
  const random = seededRandom(seed);
  const make = numberMaker(random);
  const pool: PoolNumber[] = [];
  const forSale = quotas(numbers, AREAS);
  AREAS.forEach((entry, index) => {
    for (let n = forSale[index] ?? 0; n > 0; n -= 1) pool.push(poolNumber(entry, make(entry.area), random));
  });
  const held: OwnedNumber[] = [];
  const homes = AREAS.filter((entry) => entry.area.country === 'US' && entry.area.type === 'local');
  const weights = homes.flatMap((entry) => Array<WeightedArea>(Math.ceil(entry.weight / 10)).fill(entry));
  const step = (300 * DAY) / Math.max(1, owned);
  for (let n = 0; n < owned; n += 1) {
    const entry = weights[Math.floor(random() * weights.length)];
    if (entry) held.push(seededOwned(entry, make(entry.area), n, Math.floor(now - 330 * DAY + n * step), random));
  }
  return { pool, owned: held };
}
