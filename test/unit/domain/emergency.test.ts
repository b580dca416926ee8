import { expect, it } from 'vitest';
import { type EmergencyFacts, judgeEmergency } from '../../../src/domain/emergency.ts';

const shown = (emergencyEnabled: boolean | undefined, emergencyStatus: string | undefined, emergencyAddressId: string | null) =>
  ({ emergencyEnabled, emergencyStatus, emergencyAddressId }) satisfies EmergencyFacts;

it.each([
  ['in force', shown(true, 'active', 'A'), 'in_force'],
  ['being provisioned', shown(true, 'provisioning', 'A'), 'pending'],
  ['being provisioned, no address shown yet', shown(true, 'provisioning', null), 'pending'],
  ['being provisioned at another address', shown(true, 'provisioning', 'B'), 'not_shown'],
  ['active at another address', shown(true, 'active', 'B'), 'not_shown'],
  ['active without an address', shown(true, 'active', null), 'not_shown'],
  ['on without a status', shown(true, undefined, 'A'), 'pending'],
  ['an address alone', shown(undefined, undefined, 'A'), 'not_shown'],
  ['off', shown(false, 'disabled', null), 'not_shown'],
  ['off, whatever the status says', shown(false, 'active', 'A'), 'not_shown'],
  ['refused at this address', shown(true, 'provisioning-failed', 'A'), 'refused'],
  ['refused at another address', shown(true, 'provisioning-failed', 'B'), 'not_shown'],
  ['a status of tomorrow', shown(true, 'verifying', 'A'), 'pending'],
  ['on, being disabled', shown(true, 'deprovisioning', 'A'), 'not_shown'],
  ['not listed', undefined, 'not_shown'],
] as const)('an address A that was asked for: %s', (_what, facts, verdict) => {
  expect(judgeEmergency({ enabled: true, addressId: 'A' }, facts)).toBe(verdict);
});

it.each([
  ['off', shown(false, 'disabled', null), 'in_force'],
  ['off without a status', shown(false, undefined, null), 'in_force'],
  ['being disabled', shown(true, 'deprovisioning', 'A'), 'pending'],
  ['still on', shown(true, 'active', 'A'), 'not_shown'],
  ['on, whatever the status says', shown(true, 'disabled', null), 'not_shown'],
  ['nothing shown', shown(undefined, undefined, null), 'not_shown'],
] as const)('services that are to be off: %s', (_what, facts, verdict) => {
  expect(judgeEmergency({ enabled: false, addressId: null }, facts)).toBe(verdict);
});
