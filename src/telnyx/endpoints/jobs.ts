import type Telnyx from 'telnyx';
import { ProvisioningError } from '../../domain/errors.ts';
import type { E164 } from '../../domain/phone-number.ts';
import type { NumberSettings } from '../../domain/step.ts';
import type { Job, JobType, LastCheck, MessagingUpdate } from '../gateway.ts';
import type { CallSpec, Transport } from '../transport.ts';
import { requireNumbers } from './limits.ts';
import { CLOCK_SKEW_MS, MAX_PAGE_SIZE, walkPages } from './pages.ts';
import { jobAnswer, jobRow, jobState, listAnswer, messagingAnswer } from './wire.ts';

type UpdateBody = Parameters<Telnyx['phoneNumbers']['jobs']['updateBatch']>[0];

/** The states of a job that has not ended. */
const OPEN: ReadonlySet<string> = new Set(['pending', 'in_progress']);

const creating = (operation: string, numbers: number, lastCheck: LastCheck | undefined): CallSpec => ({
  family: 'jobs',
  operation,
  phase: 'write',
  numbers,
  job: true,
  lastCheck,
});

/** Starts a job that sets `settings` on all numbers. Never sends a `filter`: with one, every match of the account is changed. */
export async function updateNumbers(
  transport: Transport,
  numbers: E164[],
  settings: NumberSettings,
  lastCheck?: LastCheck,
): Promise<Job> {
  const asked = requireNumbers('jobs.update', numbers);
  const fields = toUpdateFields(settings);
  if (Object.keys(fields).length === 0)
    throw new ProvisioningError('invalid_request', 'bug', 'jobs.update: called without anything to change');
  return await transport.call(
    creating('jobs.update', asked.length, lastCheck),
    (client, options) => client.phoneNumbers.jobs.updateBatch({ phone_numbers: asked, ...fields }, options),
    jobAnswer,
  );
}

/** Starts a job that gives the numbers back for good. One number that is not ours makes Telnyx refuse the whole job. */
export async function deleteNumbers(transport: Transport, numbers: E164[], lastCheck?: LastCheck): Promise<Job> {
  const asked = requireNumbers('jobs.delete', numbers);
  return await transport.call(
    creating('jobs.delete', asked.length, lastCheck),
    (client, options) => client.phoneNumbers.jobs.deleteBatch({ phone_numbers: asked }, options),
    jobAnswer,
  );
}

/** Starts a job that switches emergency calling on or off; Telnyx wants no address when it is switched off. */
export async function updateEmergency(
  transport: Transport,
  numbers: E164[],
  enabled: boolean,
  addressId: string | null,
  lastCheck?: LastCheck,
): Promise<Job> {
  const asked = requireNumbers('jobs.emergency', numbers);
  const body = { emergency_enabled: enabled, emergency_address_id: enabled ? addressId : null, phone_numbers: asked };
  return await transport.call(
    creating('jobs.emergency', asked.length, lastCheck),
    (client, options) => client.phoneNumbers.jobs.updateEmergencySettingsBatch(body, options),
    jobAnswer,
  );
}

/**
 * A job, with the result of each number so far. An input that shows only an id gets its number from an operation that names both.
 */
export async function getJob(transport: Transport, id: string): Promise<Job> {
  return await transport.call(
    { family: 'reads', operation: 'jobs.get', phase: 'read' },
    (client, options) => client.phoneNumbers.jobs.retrieve(id, options),
    jobAnswer,
  );
}

/**
 * Jobs of one type created since `since`, less 5 s for differing clocks, newest first. Only `type` goes over the wire: the SDK
 * cannot send the list's array filters in the form Telnyx wants.
 */
export async function listJobs(transport: Transport, type: JobType, since: Date): Promise<Job[]> {
  const from = since.getTime() - CLOCK_SKEW_MS;
  // A job without a creation time is kept, because leaving it out would say "there is no such job".
  const recent = (job: Job): boolean => job.createdAt === null || !(Date.parse(job.createdAt) < from);
  const rows = await walkPages(
    'jobs.list',
    (pageNumber) =>
      transport.call(
        { family: 'reads', operation: 'jobs.list', phase: 'read' },
        (client, options) =>
          client.phoneNumbers.jobs.list({ filter: { type }, 'page[number]': pageNumber, 'page[size]': MAX_PAGE_SIZE }, options),
        listAnswer(jobRow),
      ),
    (page) => page.some((job) => !recent(job)),
  );
  const wanted = rows.filter((job) => job.type === type && recent(job)).map((job): [string, Job] => [job.id, job]);
  return [...new Map(wanted).values()].sort((a, b) => Date.parse(b.createdAt ?? '') - Date.parse(a.createdAt ?? ''));
}

/**
 * The ids of all open jobs, by one list call a page of 250. The states go over the wire as `filter[status][]`, one pair a state: the
 * only form that the specification of the list accepts.
 */
export async function listOpenJobs(transport: Transport): Promise<Set<string>> {
  const rows = await walkPages('jobs.list', (pageNumber) => {
    const query = { 'filter[status][]': [...OPEN], 'page[number]': pageNumber, 'page[size]': MAX_PAGE_SIZE };
    return transport.call(
      { family: 'reads', operation: 'jobs.list', phase: 'read' },
      (client, options) => client.phoneNumbers.jobs.list(query, options),
      listAnswer(jobState),
    );
  });
  // A list that ignores the filter shows finished jobs too.
  return new Set(rows.filter((row) => OPEN.has(row.status ?? 'pending')).map((row) => row.id));
}

/**
 * Assigns a messaging profile, or removes it with ''. `assign_only` keeps all other messaging settings. It is not sent for a
 * removal, because Telnyx does not document it there.
 */
export async function updateMessaging(
  transport: Transport,
  numbers: E164[],
  profileId: string,
  lastCheck?: LastCheck,
): Promise<MessagingUpdate> {
  const asked = requireNumbers('messaging.update', numbers);
  const assign = profileId === '' ? {} : { assign_only: true };
  return await transport.call(
    { family: 'messaging', operation: 'messaging.update', phase: 'write', numbers: asked.length, lastCheck },
    (client, options) =>
      client.messagingNumbersBulkUpdates.create({ messaging_profile_id: profileId, numbers: asked, ...assign }, options),
    messagingAnswer,
  );
}

export async function getMessagingUpdate(transport: Transport, id: string): Promise<MessagingUpdate> {
  return await transport.call(
    { family: 'messaging', operation: 'messaging.get', phase: 'read' },
    (client, options) => client.messagingNumbersBulkUpdates.retrieve(id, options),
    messagingAnswer,
  );
}

/** Copies field by field, so that only documented fields are sent, and never a `filter`. */
function toUpdateFields(s: NumberSettings): Omit<UpdateBody, 'phone_numbers' | 'filter'> {
  return {
    ...(s.tags === undefined ? {} : { tags: s.tags }),
    ...(s.connection_id === undefined ? {} : { connection_id: s.connection_id }),
    ...(s.billing_group_id === undefined ? {} : { billing_group_id: s.billing_group_id }),
    ...(s.customer_reference === undefined ? {} : { customer_reference: s.customer_reference }),
    ...(s.external_pin === undefined ? {} : { external_pin: s.external_pin }),
    ...(s.hd_voice_enabled === undefined ? {} : { hd_voice_enabled: s.hd_voice_enabled }),
    ...(s.deletion_lock_enabled === undefined ? {} : { deletion_lock_enabled: s.deletion_lock_enabled }),
    ...(s.voice === undefined ? {} : { voice: asVoiceSettings(s.voice) }),
  };
}

/** Guarantee: the request's own validation has checked `voice`; Telnyx refuses what it does not know. */
function asVoiceSettings(voice: Record<string, unknown>): NonNullable<UpdateBody['voice']> {
  return voice as NonNullable<UpdateBody['voice']>;
}
