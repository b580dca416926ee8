import { createHash } from 'node:crypto';
import type { Field } from './fields.ts';
import { type Secret, secret } from './secret.ts';

/** An address that is told of events. */
export interface WebhookTarget {
  /** A hash of the address, by which rows name it. */
  key: string;
  /** The whole address. It is a secret, because receivers put tokens into it. */
  url: Secret;
  /** The address as people may see it: without its query. */
  shown: string;
  /** What signs the messages; `null` sends them unsigned. */
  signingKey: Secret | null;
}

const PREFIX = 'whsec_';
const SHORTEST = 24;
const LONGEST = 64;

/** Comma list of `url` or `url#secret`. No problem repeats an address, because it may hold a token. */
export const webhookTargets: Field<WebhookTarget[]> = (text) => {
  const targets: WebhookTarget[] = [];
  const problems: string[] = [];
  const entries = text.split(',').map((part) => part.trim());
  for (const [index, entry] of entries.filter((part) => part !== '').entries()) {
    const [address = '', ...rest] = entry.split('#');
    const signing = rest.join('#');
    const problem = (why: string) => problems.push(`entry ${index + 1} ${why}`);
    const url = URL.canParse(address) ? new URL(address) : null;
    if (url === null || !/^https?:$/.test(url.protocol)) problem('must be an http:// or https:// address');
    else if (url.username !== '' || url.password !== '') problem('must not hold a login; give the receiver a secret to check');
    else if (rest.length > 0 && !isSigningKey(signing))
      problem(`must have ${PREFIX} and the base64 of ${SHORTEST} to ${LONGEST} bytes behind its #`);
    else {
      const key = createHash('sha256').update(url.href).digest('hex').slice(0, 24);
      if (targets.some((t) => t.key === key)) problem('names an address twice');
      const signingKey = rest.length === 0 ? null : secret(signing);
      targets.push({ key, url: secret(url.href), shown: `${url.origin}${url.pathname}`, signingKey });
    }
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: targets };
};

function isSigningKey(text: string): boolean {
  const base64 = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64') === base64 && bytes.length >= SHORTEST && bytes.length <= LONGEST;
}

/** What a log must not show of a target: the secret in both spellings, and a query, which may be a token. */
export function secretsOfTarget({ url, signingKey }: WebhookTarget): string[] {
  const key = signingKey?.reveal();
  const { search } = new URL(url.reveal());
  return [...(key === undefined ? [] : [key, key.replace(PREFIX, '')]), ...(search === '' ? [] : [search])];
}
