// Applies the migrations in ./drizzle to DATABASE_URL with the real drizzle-orm.
// Usage: node drizzle-migrate.cjs PACKAGES PACKAGE
//   PACKAGES  the directory that holds node_modules
//   PACKAGE   drizzle-orm (0.x) or drizzle-orm-1 (1.0)
const [packages, name] = process.argv.slice(2);
const load = require("node:module").createRequire(`${packages}/`);
const { Client } = load("pg");
const { drizzle } = load(`${name}/node-postgres`);
const { migrate } = load(`${name}/node-postgres/migrator`);

async function main() {
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  try {
    await migrate(drizzle({ client }), { migrationsFolder: "./drizzle" });
  } finally {
    await client.end();
  }
}

main().catch((error) => {
  console.error(error.cause ?? error);
  process.exit(1);
});
