// undici: batches of rows to an HTTP endpoint by the HTTP client that Node itself is built on.
//
// usage: node undici.mjs URL ROWS BATCH CONNECTIONS
//
// The rows lie in memory as a driver would hand them over; the clock starts then.
// Each batch is mapped (field names of the destination), written as JSON, posted over
// a pool of kept connections, and its answer read and parsed. Prints its own cpu.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../test/peers/package.json", import.meta.url));
const { Pool } = require("undici");

const [url, rowsText, batchText, connectionsText] = process.argv.slice(2);
const rows = Number(rowsText), batch = Number(batchText), connections = Number(connectionsText);
const target = new URL(url);
const pool = new Pool(target.origin, { connections, pipelining: 1 });

const source = [];
for (let i = 1; i <= rows; i++)
  source.push({
    id: i, email: `customer${i}@example${i % 977}.com`, first_name: `Ada${i % 89}`,
    last_name: `Lastname${(i * 7919) % 100003}`, country: "DE", revenue: ((i * 48271) % 10000000) / 100,
    orders: (i * 31) % 240, active: i % 3 > 0, seen_at: "2020-01-01 02:11:59", score: (i % 100000) / 1000,
  });

const map = (r) => ({
  id: r.id,
  properties: {
    email: r.email, first_name: r.first_name, last_name: r.last_name, country: r.country, revenue: r.revenue,
    orders: r.orders, active: r.active, seen_at: r.seen_at, score: r.score,
  },
});

let next = 0, sent = 0, requests = 0;

async function lane() {
  while (next < rows) {
    const from = next;
    const to = Math.min(from + batch, rows);
    next = to;
    const body = JSON.stringify({ inputs: source.slice(from, to).map(map) });
    const answer = await pool.request({
      path: target.pathname, method: "POST", headers: { "content-type": "application/json" }, body,
    });
    const said = await answer.body.json();
    if (answer.statusCode !== 200 || said.ok !== true) throw new Error(`status ${answer.statusCode}`);
    sent += to - from;
    requests++;
  }
}

const cpu = process.cpuUsage(), wall = process.hrtime.bigint();
await Promise.all(Array.from({ length: connections }, lane));
const used = process.cpuUsage(cpu);
if (sent !== rows) throw new Error("not all rows were sent");
console.log(JSON.stringify({
  bench: "undici", rows: sent, requests, cpu_s: (used.user + used.system) / 1e6,
  wall_s: Number(process.hrtime.bigint() - wall) / 1e9, rss_max_mib: process.resourceUsage().maxRSS / 1024,
}));
await pool.close();
