// Express routes that launch a campaign and show how it stands. PORT is 3000 when it is not set.
//   npm run express-route
import express, { type ErrorRequestHandler } from 'express';
import { createProvisioner, ProvisioningError } from 'provisioner';

const provisioner = createProvisioner({ actor: 'express-route.ts' });
const app = express();
app.use(express.json());

app.post('/campaigns', async (request, response) => {
  const { name, area_code, quantity } = request.body ?? {};
  const stored = await provisioner.buy(
    { label: name, lines: [{ national_destination_code: area_code, quantity }], max_upfront_cost: '20.00' },
    { idempotencyKey: request.get('idempotency-key') },
  );
  response.status(202).location(`/campaigns/${stored.id}`).json(stored);
});

app.get('/campaigns/:id', async (request, response) => {
  const found = await provisioner.request(request.params.id);
  if (found === null) response.status(404).json({ error: 'there is no such campaign' });
  else response.json(found);
});

// What a client did wrong is told in words. Everything else is the server's own trouble.
const tellProblems: ErrorRequestHandler = (error, _request, response, next) => {
  if (!(error instanceof ProvisioningError)) return next(error);
  response.status(error.code === 'validation_failed' ? 422 : 503).json({ error: error.code, details: error.details });
};
app.use(tellProblems);

const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) console.log(`listening on http://127.0.0.1:${address.port}`);
});
process.once('SIGTERM', () => {
  server.close();
  void provisioner.close();
});
