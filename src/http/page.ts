import { createHash } from 'node:crypto';
import type { Door } from './auth.ts';
import { BOARD_PATH, login } from './dashboard.ts';
import type { App } from './deps.ts';

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ddd}`;

// Texts are inserted as textContent only, because other people write labels and reasons.
const SCRIPT = `
const rows = document.querySelector('tbody'), note = document.querySelector('#note');
const cell = (row, text) => { row.insertCell().textContent = text; };
async function show() {
  try {
    const [list, account] = await Promise.all(['/v1/requests?limit=25', '/v1/account'].map(async (url) => {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(answer.status);
      return answer.json();
    }));
    const health = await (await fetch('/readyz')).json();
    const gate = account.gate.open ? [] : ['Spending is stopped: ' + account.gate.reason + '; ' + account.gate.advice];
    note.textContent = [...gate, ...health.problems, ...health.notices].join(' · ');
    rows.replaceChildren();
    for (const r of list.data) {
      const row = rows.insertRow(), link = document.createElement('a');
      link.href = '/v1/requests/' + r.id + '/items.csv';
      link.textContent = r.id;
      row.insertCell().append(link);
      for (const text of [r.kind, r.label ?? '', r.submitted_by ?? '', r.status, r.counts.succeeded + ' of ' + r.counts.asked, r.counts.failed, r.cost.upfront + ' ' + r.cost.currency]) cell(row, text);
    }
  } catch (error) { note.textContent = 'No answer (' + error.message + ')'; }
  setTimeout(show, 3000);
}
show();
`;

const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>provisioner</title><style>${STYLE}</style></head>
<body><h1>provisioner</h1><p><a href="${BOARD_PATH}">Queues</a> · <a href="/docs">API</a></p><p id="note" role="status"></p>
<table><thead><tr><th>Request</th><th>Kind</th><th>Label</th><th>Asked by</th><th>Status</th><th>Succeeded</th><th>Failed</th><th>Upfront</th></tr></thead><tbody></tbody></table>
<script>${SCRIPT}</script></body></html>
`;

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The policy permits exactly this script and this style. */
const POLICY = `default-src 'none'; connect-src 'self'; script-src ${hashOf(SCRIPT)}; style-src ${hashOf(STYLE)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** Serves the operator's page: the latest requests, and links to the queues and the API. */
export function pageRoutes(app: App, door: Door): void {
  app.route({
    method: 'GET',
    url: '/',
    config: { access: 'public' },
    schema: { hide: true },
    onRequest: login(door, POLICY),
    handler: (_request, reply) => reply.type('text/html; charset=utf-8').send(PAGE),
  });
}
