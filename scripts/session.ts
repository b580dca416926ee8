// Records docs/session.md: runs the commands of a launch for real, against the simulator, and writes down what they print.
// `npm run docs:session`. A step more is an entry more in STEPS.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buildRole } from '../src/app/roles.ts';
import type { Io } from '../src/cli/io.ts';
import { painter } from '../src/cli/output.ts';
import { runCli } from '../src/cli/run.ts';
import { realServices } from '../src/cli/services.ts';
import { loadConfig } from '../src/config/config.ts';
import { createLog } from '../src/observability/log.ts';
import { startSimulator } from '../src/simulator/index.ts';

const COLUMNS = 80;
const PORT = 8080;
const BEN = 'key-of-ben-0000000';

interface Said {
  text: string;
  /** The request or run that the step made, as the next steps call it. */
  made?: string;
}

interface Stage {
  /** Runs a command in a terminal, with this answer to its question. */
  run(line: string, answer?: string): Promise<Said>;
  /** Posts to the API with the key of Ben. */
  post(path: string): Promise<Said>;
}

/** The ids that the steps before made; empty before. */
interface Ids {
  /** The request of the launch. */
  launch: string;
  /** What was made last: a plan, a request or a run. */
  last: string;
}

interface Step {
  /** What the reader should know, before the step. */
  about: string;
  /** Returns what the command printed. */
  act(stage: Stage, ids: Ids): Promise<Said>;
}

const LAUNCH =
  'provisioner buy --ndc 312=200 --state TX=50 --feature sms --fallback ndc:773,872 --tag launch --max-upfront 300 --max-monthly 300 --label "Chicago launch"';

const STEPS: readonly Step[] = [
  { about: 'The first reconciliation fills the inventory.', act: ({ run }) => run('provisioner reconcile') },
  {
    about: 'What is on sale, and at what price?',
    act: ({ run }) => run('provisioner search --ndc 312 --ndc 773 --feature sms --limit 3'),
  },
  {
    about: 'The launch of the README as a plan: nothing is bought, and every number and price is known.',
    act: ({ run }) => run(`${LAUNCH} --plan`),
  },
  {
    about: 'Anna applies the plan. It costs more than 500, so the request waits for approval.',
    act: ({ run }, { last }) => run(`provisioner apply ${short(last)}`, 'y'),
  },
  {
    about: 'Nobody approves what they asked for.',
    act: ({ run }, { launch }) => run(`provisioner approve ${short(launch)} --yes`),
  },
  { about: 'Ben has a key of his own.', act: ({ post }, { launch }) => post(`/v1/requests/${launch}/approve`) },
  {
    about: 'On a terminal a bar moves; here are the lines that a log gets. Commands take the end of an id.',
    act: ({ run }, { launch }) => run(`provisioner watch ${short(launch)}`),
  },
  { about: 'Who did what, and when.', act: ({ run }, { launch }) => run(`provisioner history ${short(launch)}`) },
  { about: 'All requests, and what the launch costs a month.', act: ({ run }) => run('provisioner requests') },
  { about: '', act: ({ run }) => run('provisioner inventory --summary --where tag=launch') },
  {
    about: 'A change of all numbers of the launch.',
    act: ({ run }) => run('provisioner update --where tag=launch --set tags=live --wait', 'y'),
  },
  {
    about: 'It was a mistake. Undo first shows what it would put back.',
    act: ({ run }, { last }) => run(`provisioner undo ${short(last)}`, 'y'),
  },
  { about: '', act: ({ run }, { last }) => run(`provisioner watch ${short(last)}`) },
  {
    about: 'A release with the wrong count is refused before anybody is asked.',
    act: ({ run }) => run('provisioner delete --where tag=launch --expect 249', 'n'),
  },
  { about: 'The books still agree.', act: ({ run }) => run('provisioner reconcile') },
];

/** The end of an id, which every command takes. */
const short = (id: string): string => id.slice(-8);

const HEAD = `# A session

A launch from the plan to the last check, as a terminal of 80 columns showed it. Everything ran against the simulator
(\`provisioner simulate --port 4010 --numbers 20000 --owned 5000\`) with \`provisioner up\`, the keys of Anna and Ben, and
\`PROVISIONER_APPROVAL_ABOVE=500\`. \`npm run docs:session\` records this page again.`;

const folder = mkdtempSync(join(tmpdir(), 'provisioner-session-'));
const simulator = await startSimulator({ port: 4010, numbers: 20_000, owned: 5_000 });
const env = {
  TELNYX_API_KEY: 'KEY_SIM',
  TELNYX_BASE_URL: simulator.url,
  PROVISIONER_EMBEDDED: '1',
  PROVISIONER_DATA_DIR: folder,
  PROVISIONER_PORT: String(PORT),
  PROVISIONER_API_KEYS: `anna:key-of-anna-000000,ben:${BEN}`,
  PROVISIONER_APPROVAL_ABOVE: '500',
  PROVISIONER_RECONCILE_CRON: 'off',
};
const config = loadConfig(env);
const logged: string[] = [];
const log = createLog({ ...config.log, destination: { write: (line) => logged.push(line) } });
const { lifecycle } = await buildRole('up', config, log);
await lifecycle.start();
try {
  writeFileSync('docs/session.md', await record());
} finally {
  await lifecycle.stop('recorded');
  await simulator.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

/** Runs all steps and returns the page. */
async function record(): Promise<string> {
  const parts: string[] = [];
  const ids: Ids = { launch: '', last: '' };
  for (const { about, act } of STEPS) {
    const { text, made } = await act({ run, post }, ids);
    if (made !== undefined) ids.last = made;
    if (ids.launch === '' && made?.startsWith('req_') === true) ids.launch = made;
    parts.push(`${about === '' ? '' : `${about}\n\n`}\`\`\`text\n${text.trimEnd()}\n\`\`\``);
  }
  const ofLaunch = logged.filter((line) => line.includes(ids.launch)).map((line) => shortened(line.trimEnd()));
  const log = `What \`up\` logged about the launch, at the level \`info\`:\n\n\`\`\`text\n${ofLaunch.join('\n')}\n\`\`\``;
  return `${HEAD}\n\n${[...parts, log].join('\n\n')}\n`;
}

/** A log line without what only says which queue job wrote it. */
function shortened(line: string): string {
  const { job, jobId, queue, lineId, ...rest }: Record<string, unknown> = JSON.parse(line);
  return JSON.stringify(rest);
}

async function run(line: string, answer?: string): Promise<Said> {
  const screen = new PassThrough();
  const seen: Buffer[] = [];
  screen.on('data', (chunk: Buffer) => seen.push(chunk));
  const io: Io = {
    stdin: Readable.from(answer === undefined ? [] : [Buffer.from(`${answer}\n`)]),
    stdout: screen,
    stderr: screen,
    env,
    canAsk: answer !== undefined,
    live: false,
    paintOut: painter(false, COLUMNS),
    paintErr: painter(false, COLUMNS),
    interrupt: () => ({ signal: new AbortController().signal, done: () => undefined }),
  };
  const words = [...line.matchAll(/(?:"[^"]*"|[^\s"])+/g)].map(([word]) => word.replaceAll('"', '')).slice(1);
  const code = await runCli(words, io, realServices);
  const text = Buffer.concat(seen)
    .toString('utf8')
    .replace('Go ahead? [y/N] ', `Go ahead? [y/N] ${answer ?? ''}\n`);
  const [, filed] = /new request (req_[0-9a-f]{32})/.exec(text) ?? [];
  const ids = text.match(/\b(?:req|run|plan)_[0-9a-f]{32}\b/g) ?? [];
  // A request also names the plan that it was.
  const made = filed ?? ids.filter((id) => id.startsWith('req_')).at(-1) ?? ids.at(-1);
  return { text: `$ ${line}\n${text}${code === 0 ? '' : `$ echo $?\n${code}\n`}`, ...(made !== undefined && { made }) };
}

async function post(path: string): Promise<Said> {
  const url = `http://127.0.0.1:${PORT}${path}`;
  const answer = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${BEN}` } });
  const { status, submitted_by }: Record<string, unknown> = JSON.parse(await answer.text());
  const curl = `$ curl -s -X POST -H "Authorization: Bearer $BEN" ${url} |\n    jq -c '{ status, submitted_by }'`;
  return { text: `${curl}\n${JSON.stringify({ status, submitted_by })}` };
}
