import { createServer } from 'node:http';
import { startSimulator } from '../../src/simulator/index.ts';
import { PAGE_SIZE, pagesOf } from './pages.ts';

/**
 * A list of numbers without a simulator behind it, as a process of its own: `page-server.ts NUMBERS`. It builds each page from one
 * row of the simulator's answer, so that a benchmark measures its client and not the simulator. It tells its parent the address.
 */
const numbers = Number(process.argv[2]);
const pages = pagesOf(await rowOfSimulator(), numbers);

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const found = request.method === 'GET' && pathname === '/v2/phone_numbers';
  const page = found ? pages(Number(searchParams.get('page[number]') ?? '1')) : '{"errors":[{"code":"10005"}]}';
  response
    .writeHead(found ? 200 : 404, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(page) })
    .end(page);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) process.send?.(`http://127.0.0.1:${address.port}/v2`);
});
process.on('disconnect', () => process.exit(0));

/** One row of the list as the simulator shows it. */
async function rowOfSimulator(): Promise<string> {
  const simulator = await startSimulator({ apiKey: 'KEY', owned: 1, numbers: 1 });
  const headers = { authorization: 'Bearer KEY' };
  const answer = await fetch(`${simulator.url}/phone_numbers?page[size]=${PAGE_SIZE}`, { headers });
  const { data } = (await answer.json()) as { data: object[] };
  await simulator.stop();
  return JSON.stringify(data[0]);
}
