import { openGate } from '../../db/account.ts';
import { readAccountView } from '../../producers/read/read.ts';
import { actorOf } from '../auth.ts';
import type { App, HttpDeps } from '../deps.ts';
import { accountAnswer, answers } from '../schemas.ts';

/** Routes of the account: gate, balance, learned limits. */
export function accountRoutes(app: App, { producer: { db }, clock, jobSlots }: HttpDeps): void {
  const view = () => readAccountView(db, jobSlots);

  app.route({
    method: 'GET',
    url: '/v1/account',
    schema: {
      operationId: 'getAccount',
      tags: ['account'],
      summary: 'Gate, balance, learned limits, slots in use',
      response: answers({ 200: accountAnswer }),
    },
    handler: view,
  });

  app.route({
    method: 'POST',
    url: '/v1/account/reopen',
    config: { access: 'admin' },
    schema: {
      operationId: 'reopenAccount',
      tags: ['account'],
      summary: 'Open the gate that stops all spending (admin)',
      description: 'It does nothing when the gate is open.',
      response: answers({ 200: accountAnswer }),
    },
    handler: async (request) => {
      const opened = await openGate(db.sql, { actor: actorOf(request), at: clock.now() });
      if (opened) request.log.warn({ actor: actorOf(request) }, 'the account gate was opened by hand');
      return view();
    },
  });
}
