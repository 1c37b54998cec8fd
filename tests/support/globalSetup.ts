import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { parse } from 'yaml';
import { startEmbedded, type Embedded } from '../../src/db/embedded.ts';
import { migrate } from '../../src/db/migrate.ts';
import { databaseUrl, migratedTemplate, type TestCluster } from './testCluster.ts';

const folderPrefix = 'amanat-tests-';

/**
 * Builds what tests start as processes, and keeps one PostgreSQL for the whole run, started when the first test asks: a
 * connection to the door is answered by one line of JSON. Pure tests pay for neither.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  buildIfStale();
  let cluster: Promise<{ embedded: Embedded; facts: TestCluster; folder: string }> | undefined;
  let template: Promise<void> | undefined;
  const answer = async (request: string): Promise<string> => {
    cluster ??= startCluster();
    const { facts } = await cluster;
    if (request === 'migrated') await (template ??= makeTemplate(facts));
    return JSON.stringify(facts);
  };
  const door = createServer((socket) => serve(socket, answer));
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  const address = door.address();
  project.provide('openapi', parse(readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8')));
  project.provide('postgresDoor', typeof address === 'object' && address !== null ? address.port : 0);
  return async () => {
    door.close();
    const started = await cluster?.catch(() => undefined);
    await started?.embedded.stop();
    if (started !== undefined) rmSync(started.folder, { recursive: true, force: true });
  };
}

function serve(socket: Socket, answer: (request: string) => Promise<string>): void {
  socket.on('error', () => undefined);
  socket.once('data', (data) => {
    answer(data.toString('utf8').trim()).then(
      (line) => socket.end(`${line}\n`),
      (error: unknown) => socket.end(`${JSON.stringify({ failed: String(error) })}\n`),
    );
  });
}

async function startCluster(): Promise<{ embedded: Embedded; facts: TestCluster; folder: string }> {
  const place = fastestPlace();
  removeAbandoned(place);
  const folder = mkdtempSync(join(place, `${folderPrefix}${process.pid}-`));
  const embedded = await startEmbedded({ folder, settings: { max_connections: '300' } }).catch((error: unknown) => {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  const password = readFileSync(join(folder, 'superuser.secret'), 'utf8').trim();
  const superuserUrl = `postgres://postgres:${password}@127.0.0.1:${embedded.port}/postgres`;
  return { embedded, folder, facts: { port: embedded.port, superuserUrl, ownerUrl: embedded.ownerUrl } };
}

/** fsync stays on; on a file system in memory it costs nothing. */
function fastestPlace(): string {
  const memory = '/dev/shm';
  if (!existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize > 1_000_000_000 ? memory : tmpdir();
}

/** A killed run could not clean up. */
function removeAbandoned(place: string): void {
  for (const name of readdirSync(place)) {
    const pid = new RegExp(`^${folderPrefix}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    try {
      rmSync(join(place, name), { recursive: true, force: true });
    } catch {
      // Another user's, who will remove it.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function makeTemplate(facts: TestCluster): Promise<void> {
  const client = new Client({ connectionString: facts.superuserUrl });
  await client.connect();
  await client.query(`create database ${migratedTemplate} owner amanat_owner`);
  await client.end();
  await migrate(databaseUrl(facts.ownerUrl, migratedTemplate));
}

/** Emits in spite of type errors, which are the type check's to report. */
function buildIfStale(): void {
  const root = new URL('../../', import.meta.url).pathname;
  if (!isStale(root)) return;
  spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
    cwd: root,
  });
}

function isStale(root: string): boolean {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return sources.some((name) => {
    const built = statSync(join(root, 'dist', name.replace(/\.ts$/, '.js')), { throwIfNoEntry: false });
    return built === undefined || built.mtimeMs < statSync(join(root, 'src', name)).mtimeMs;
  });
}
