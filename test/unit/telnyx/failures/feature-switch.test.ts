import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProvisioningError } from '../../../../src/domain/errors.ts';
import { featureSwitch } from '../../../../src/telnyx/failures/feature-switch.ts';

const notPermitted = (): ProvisioningError => new ProvisioningError('feature_not_permitted', 'rejected', 'x: no permission');

describe('a feature that the account may not use', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function switched() {
    const lines: string[] = [];
    const log = { warn: (_fields: object, text: string) => void lines.push(text), debug: () => undefined };
    return { features: featureSwitch(log), lines };
  }
  const ends = (features: ReturnType<typeof featureSwitch>, operation: string): unknown => {
    try {
      features.requireOn(operation);
      return 'sent';
    } catch (error) {
      return error;
    }
  };

  it('is switched off when work goes on without it, told once, and tried again after ten minutes', () => {
    const { features, lines } = switched();
    features.requireOn('balance');
    features.noteRefusal('balance', notPermitted());
    features.noteRefusal('balance', notPermitted());
    expect(ends(features, 'balance')).toMatchObject({ code: 'feature_not_permitted', disposition: 'rejected' });
    expect(lines).toEqual([expect.stringContaining('switched off for 10 minutes')]);
    vi.advanceTimersByTime(600_001);
    expect(ends(features, 'balance')).toBe('sent');
    features.noteRefusal('balance', notPermitted());
    expect(lines).toHaveLength(2);
  });

  it('is asked for each time when a user asked for it, and told once all the same', () => {
    const { features, lines } = switched();
    features.noteRefusal('messaging.update', notPermitted());
    features.noteRefusal('messaging.update', notPermitted());
    expect(ends(features, 'messaging.update')).toBe('sent');
    expect(lines).toHaveLength(1);
  });

  it('is not one that merely failed', () => {
    const { features, lines } = switched();
    features.noteRefusal('balance', new ProvisioningError('bad_key', 'account', 'x'));
    features.noteRefusal('balance', new ProvisioningError('server_error', 'retry', 'x'));
    expect([ends(features, 'balance'), lines]).toEqual(['sent', []]);
  });
});
