import { openGate } from '../../db/account.ts';
import { readAccountView } from '../../producers/read/read.ts';
import { actorOf } from '../auth.ts';
import type { App, HttpDeps } from '../deps.ts';
import { accountAnswer, answers } from '../schemas.ts';

/** The account gate, the balance, and what was learned about limits. */
export function accountRoutes(app: App, { producer: { db }, clock, jobSlots }: HttpDeps): void {
  const view = () => readAccountView(db, jobSlots);

  app.route({
    method: 'GET',
    url: '/v1/account',
    schema: {
      tags: ['account'],
      summary: 'Gate, balance, limits learned, slots in use',
      response: answers({ 200: accountAnswer }),
    },
    handler: view,
  });

  app.route({
    method: 'POST',
    url: '/v1/account/reopen',
    config: { access: 'admin' },
    schema: {
      tags: ['account'],
      summary: 'Open the gate that stops all spending (admin)',
      description: 'Harmless when it is open.',
      response: answers({ 200: accountAnswer }),
    },
    handler: async (request) => {
      const opened = await openGate(db.sql, { actor: actorOf(request), at: clock.now() });
      if (opened) request.log.warn({ actor: actorOf(request) }, 'the account gate was opened by hand');
      return view();
    },
  });
}
