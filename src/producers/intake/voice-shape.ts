import { z } from 'zod';
import { isE164 } from '../../domain/phone-number.ts';

/** The shape of the voice settings of a number, as `phone_numbers/jobs/update_phone_numbers` and the single PATCH take them. */
export const voice = z.strictObject({
  call_forwarding: z
    .strictObject({
      call_forwarding_enabled: z.boolean().optional(),
      forwarding_type: z.enum(['always', 'on-failure']).optional(),
      forwards_to: z
        .string()
        .refine((n) => n === '' || isE164(n), 'must be an E.164 number such as +13125550100, or empty for none')
        .optional(),
    })
    .optional(),
  call_recording: z
    .strictObject({
      inbound_call_recording_enabled: z.boolean().optional(),
      inbound_call_recording_format: z.enum(['wav', 'mp3']).optional(),
      inbound_call_recording_channels: z.enum(['single', 'dual']).optional(),
    })
    .optional(),
  caller_id_name_enabled: z.boolean().optional(),
  cnam_listing: z
    .strictObject({
      cnam_listing_enabled: z.boolean().optional(),
      cnam_listing_details: z
        .string()
        .regex(/^[A-Za-z0-9 ]{1,15}$/, 'must be 1 to 15 letters, digits or spaces')
        .optional(),
    })
    .optional(),
  inbound_call_screening: z.enum(['disabled', 'reject_calls', 'flag_calls']).optional(),
  media_features: z
    .strictObject({
      accept_any_rtp_packets_enabled: z.boolean().optional(),
      rtp_auto_adjust_enabled: z.boolean().optional(),
      t38_fax_gateway_enabled: z.boolean().optional(),
    })
    .optional(),
  tech_prefix_enabled: z.boolean().optional(),
  translated_number: z
    .string()
    .regex(/^\+?[A-Za-z0-9]{1,64}$/, 'must be letters and digits')
    .optional(),
  usage_payment_method: z.enum(['pay-per-minute', 'channel']).optional(),
});
