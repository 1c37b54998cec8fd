import cluster from 'node:cluster';
import { createServer } from 'node:http';
import express from 'express';
import helmet from 'helmet';
import { Pool } from 'pg';

/**
 * The floor: the same work as a shop's developer would write it without protection. Express 5, helmet, pg with named
 * statements, plaintext JSON; no authentication, no encryption, no audit. Takes its database URL in FLOOR_URL and
 * the number of its processes in FLOOR_WORKERS, prints its port.
 */
const pool = new Pool({ connectionString: process.env['FLOOR_URL'], max: 10 });

const read = { name: 'read', text: 'select id, body from customers where id = $1::uuid' };
const patch = {
  name: 'patch',
  text: 'update customers set body = body || $2::jsonb where id = $1::uuid returning id',
};
const readMany = { name: 'read_many', text: 'select id, body from customers where id = any ($1::uuid[])' };
const search = { name: 'search', text: 'select id from customers where national_id = $1::text' };
const insert = {
  name: 'insert',
  text: 'insert into customers (id, national_id, body) values (gen_random_uuid(), $1::text, $2::jsonb) returning id',
};
const insertMany = {
  name: 'insert_many',
  text: `insert into customers (id, national_id, body)
         select gen_random_uuid(), b ->> 'nationalId', b from jsonb_array_elements($1::jsonb) as t (b) returning id`,
};

interface Body {
  readonly nationalId?: string;
}

const app = express();
app.use(helmet());
app.use(express.json({ limit: '2mb' }));
app.get('/customers/:id', async (req, res) => {
  const { rows } = await pool.query({ ...read, values: [req.params.id] });
  if (rows.length === 0) res.status(404).end();
  else res.json(rows[0]);
});
app.post('/customers/batch-read', async (req, res) => {
  const { rows } = await pool.query({ ...readMany, values: [(req.body as { ids: readonly string[] }).ids] });
  res.json({ results: rows });
});
app.post('/customers/search', async (req, res) => {
  const { rows } = await pool.query({ ...search, values: [(req.body as { value: string }).value] });
  res.json({ matches: rows });
});
app.post('/customers', async (req, res) => {
  const body = req.body as Body;
  const { rows } = await pool.query({ ...insert, values: [body.nationalId, JSON.stringify(body)] });
  res.status(201).json(rows[0]);
});
app.patch('/customers/:id', async (req, res) => {
  const { rows } = await pool.query({ ...patch, values: [req.params.id, JSON.stringify(req.body)] });
  if (rows.length === 0) res.status(404).end();
  else res.json(rows[0]);
});
app.post('/customers/batch', async (req, res) => {
  const { rows } = await pool.query({ ...insertMany, values: [JSON.stringify(req.body)] });
  res.json({ results: rows });
});

const server = createServer(app);
const workers = Number(process.env['FLOOR_WORKERS'] ?? '1');
/** Several processes share a port; the leading one chooses it, and tells when all of them listen. */
if (workers > 1 && cluster.isPrimary) {
  let listening = 0;
  cluster.on('listening', (_, { port }) => {
    listening += 1;
    if (listening === workers) process.stdout.write(`${port}\n`);
  });
  for (let i = 0; i < workers; i += 1) cluster.fork();
} else {
  server.listen(Number(process.env['FLOOR_PORT'] ?? '0'), '127.0.0.1', () => {
    const address = server.address();
    if (cluster.isPrimary)
      process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`);
  });
}
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
