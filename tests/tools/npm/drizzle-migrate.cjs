// Applies the migrations in ./drizzle to DATABASE_URL with the real drizzle-orm.
// Usage: node drizzle-migrate.cjs PACKAGES PACKAGE
//   PACKAGES  the directory that holds node_modules
//   PACKAGE   drizzle-orm (0.x) or drizzle-orm-1 (1.0)
const [packages, name] = process.argv.slice(2);
const load = require("node:module").createRequire(`${packages}/`);
const url = process.env.DATABASE_URL;
const driver = url.startsWith("mysql:") ? "mysql2" : "node-postgres";
const { drizzle } = load(`${name}/${driver}`);
const { migrate } = load(`${name}/${driver}/migrator`);

async function connect() {
  if (driver === "mysql2") return load("mysql2/promise").createConnection(url);
  const { Client } = load("pg");
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

async function main() {
  const client = await connect();
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
