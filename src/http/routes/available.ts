import { z } from 'zod';
import { makeSearch } from '../../producers/plans/make-plan.ts';
import { MOST_SHOWN, SHOWN } from '../../producers/plans/search-shape.ts';
import { waitForPlan } from '../../producers/plans/wait.ts';
import { actorOf } from '../auth.ts';
import { type App, HTTP_TIMINGS, type HttpDeps } from '../deps.ts';
import { availableAnswer } from '../plan-schemas.ts';
import { answers } from '../schemas.ts';
import { READ_EVERY_MS } from './plans.ts';

const place = z.string().max(100).optional();

/** The rules of a place are those of a buy line, and are checked as such. */
const availableQuery = z.strictObject({
  country_code: place.describe('Default: US'),
  phone_number_type: place.describe('Default: local'),
  national_destination_code: z.string().max(500).optional().describe('Area codes, separated by commas'),
  administrative_area: place.describe('State or province, such as TX'),
  locality: place.describe('City'),
  rate_center: place.describe('Of the US and Canada'),
  features: z.string().max(200).optional().describe('Such as sms,voice'),
  starts_with: place.describe('First digits after the area code, or after the country code without one'),
  limit: z.coerce.number().int().min(1).max(MOST_SHOWN).default(SHOWN).describe('How many numbers of each area are shown'),
});

const listIn = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** The route for what is on sale. */
export function availableRoutes(app: App, { producer, timings }: HttpDeps): void {
  const timeoutMs = timings?.planMs ?? HTTP_TIMINGS.planMs;
  app.route({
    method: 'GET',
    url: '/v1/available',
    schema: {
      operationId: 'listAvailable',
      tags: ['plans'],
      summary: 'What is on sale now, and at what price',
      description: 'A worker asks Telnyx. When none has answered in time (503), try again.',
      querystring: availableQuery,
      response: answers({ 200: availableAnswer }),
    },
    handler: async (request) => {
      const { national_destination_code, features, starts_with, limit, ...rest } = request.query;
      const wanted = listIn(features);
      const common = { ...rest, ...(wanted.length > 0 && { features: wanted }) };
      const codes = listIn(national_destination_code);
      const lines = codes.length === 0 ? [common] : codes.map((code) => ({ ...common, national_destination_code: code }));
      const at = (path: string): string => path.replace(/^lines\.\d+\./, '').replace(/\.\d+$/, '');
      const { id } = await makeSearch(producer, { lines, starts_with, limit }, { actor: actorOf(request), at });
      const { result } = await waitForPlan(producer, id, { everyMs: READ_EVERY_MS, timeoutMs });
      if (result === null || result.kind !== 'search') throw new Error(`search ${id} has no result`);
      return { areas: result.areas, notes: result.notes };
    },
  });
}
