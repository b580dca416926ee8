// Receives the webhooks of the product: checks each message with the Standard Webhooks library, and drops repeats.
// WEBHOOK_SECRET is what stands behind the # of the address in PROVISIONER_WEBHOOK_URLS. PORT is 3001 when it is not set.
//   npm run webhook-receiver
import { createServer, type IncomingMessage } from 'node:http';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';

/** What a message says. */
interface Message {
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

const webhook = new Webhook(process.env['WEBHOOK_SECRET'] ?? '');

/** The ids that were handled. An app keeps them in a table with a unique key, in the transaction of what it does with a message. */
const handled = new Set<string>();

const server = createServer(async (request, response) => {
  try {
    const body = await textOf(request);
    const id = String(request.headers['webhook-id'] ?? '');
    // Without a right signature, nothing in the body counts. It also refuses a message of more than five minutes ago.
    const message = webhook.verify(body, headersOf(request)) as Message;
    if (!handled.has(id)) {
      console.log(`${message.type} ${String(message.data['id'] ?? '')} ${String(message.data['status'] ?? '')}`.trim());
      handled.add(id);
    }
    // Everything but 2xx means: send it again later. So answer when the message is stored, and work afterwards.
    response.writeHead(204).end();
  } catch (error) {
    response.writeHead(error instanceof WebhookVerificationError ? 401 : 500).end();
  }
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return text;
}

const headersOf = (request: IncomingMessage): Record<string, string> =>
  Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));

server.listen(Number(process.env['PORT'] ?? 3001), '127.0.0.1', () => console.log('listening'));
process.once('SIGTERM', () => server.close());
