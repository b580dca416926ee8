import { copySightings, type Sighting } from '../db/sightings.ts';
import type { AccountNumber } from '../telnyx/gateway.ts';
import type { RunHold } from './hold-run.ts';
import type { AskedPage } from './read-list.ts';

/** Pages that may wait for the database. Their rows are all that a walk holds in memory, besides the pages under way. */
const MOST_WAITING = 8;
/** More rows than a page has. */
const ROWS_OF_A_PAGE = 1_000;

/** Copies pages into the staging table while the next ones are read. */
export interface Staging {
  /** Takes a page. Resolves when there is room for another one. Rejects when a copy has failed. */
  take(asked: AskedPage): Promise<void>;
  /** Resolves when no copy is under way any more. Rejects when a copy has failed. */
  end(): Promise<void>;
}

/** Opens the staging of one walk. The pages that come during one COPY go into the next one together. */
export function openStaging(runId: string, hold: RunHold): Staging {
  let waiting: AskedPage[] = [];
  // A failed copy stays here, so that every later page and the end meet it.
  let copying: Promise<void> | null = null;
  const copyAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const rows = waiting.flatMap((asked) => sightingsOf(runId, asked));
      waiting = [];
      await hold.change((tx) => copySightings(tx, rows));
    }
    copying = null;
  };
  return {
    take: async (asked) => {
      waiting.push(asked);
      copying ??= copyAll();
      copying.catch(() => undefined);
      if (waiting.length >= MOST_WAITING) await copying;
    },
    end: async () => {
      await copying;
    },
  };
}

function sightingsOf(runId: string, { page, asked }: AskedPage): Sighting[] {
  return page.numbers.map((n, i) => sightingOf(runId, n, asked * ROWS_OF_A_PAGE + i));
}

function sightingOf(runId: string, n: AccountNumber, seq: number): Sighting {
  return {
    seq,
    runId,
    phoneNumber: n.phoneNumber,
    telnyxId: n.telnyxId,
    status: n.status,
    phoneNumberType: n.phoneNumberType,
    countryCode: n.countryCode,
    connectionId: n.connectionId,
    messagingProfileId: n.messagingProfileId ?? null,
    messagingShown: n.messagingProfileId !== undefined,
    billingGroupId: n.billingGroupId,
    customerReference: n.customerReference,
    tags: n.tags ?? null,
    deletionLockEnabled: n.deletionLockEnabled ?? null,
    emergencyEnabled: n.emergencyEnabled ?? null,
    emergencyStatus: n.emergencyStatus ?? null,
    emergencyAddressId: n.emergencyAddressId,
    externalPin: n.externalPin,
    hdVoiceEnabled: n.hdVoiceEnabled ?? null,
    purchasedAt: n.purchasedAt === null ? null : new Date(n.purchasedAt),
  };
}
