// What a project with Drizzle has: its migrator, at the start of the service or in the pipeline.
import { createRequire } from 'node:module';
const require = createRequire(process.env.REAL_TOOLS + '/');
const { drizzle } = require('drizzle-orm/node-postgres');
const { migrate } = require('drizzle-orm/node-postgres/migrator');

const db = drizzle(process.env.DATABASE_URL);
await migrate(db, { migrationsFolder: 'drizzle' });
console.log('migrations applied successfully');
await db.$client.end();
