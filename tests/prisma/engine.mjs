#!/usr/bin/env node
// Stands where Prisma 7 expects its native `schema-engine`: JSON-RPC with the command line on stdin and stdout, and
// behind it the Wasm build of the same engine that Prisma 7 carries. What happens to a database is decided there; of
// its own this file has only the native engine's `cli` commands, which the Wasm build lacks.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { adapterFactory, split } from './adapter.mjs'
import { file, load } from './packages.mjs'

const { bindMigrationAwareSqlAdapterFactory } = load('@prisma/driver-adapter-utils')
const pg = load('pg')

const argv = process.argv.slice(2)
const datasource = argv[argv.indexOf('--datasource') + 1]
const url = datasource.startsWith('{') ? JSON.parse(datasource).url : datasource

if (argv.includes('cli')) await cli(argv.at(-1))
else await serve()
process.exit(0)

/** can-connect-to-database and create-database, each a process of its own as the native ones are. */
async function cli(command) {
  // The command line looks for exactly this target.
  const log = (level, fields) =>
    process.stderr.write(JSON.stringify({ timestamp: new Date().toISOString(), level, fields, target: 'schema_engine::logger' }) + '\n')
  log('INFO', { message: 'Starting schema engine CLI' }) // the command line skips the first line
  const { plain } = split(url)
  const database = decodeURIComponent(plain.pathname.slice(1)) || 'postgres'
  try {
    if (command === 'can-connect-to-database') await query(plain, 'SELECT 1')
    else if (command === 'create-database') {
      const maintenance = new URL(plain)
      maintenance.pathname = '/postgres'
      await query(maintenance, `CREATE DATABASE "${database.replaceAll('"', '""')}"`)
    } else throw new Error(`no command ${command}`)
    log('INFO', { message: 'Connection successful' })
  } catch (error) {
    const known = {
      '3D000': ['P1003', `Database \`${database}\` does not exist`],
      '28P01': ['P1000', `Authentication failed against database server, the provided database credentials for \`${plain.username}\` are not valid.`],
      '42P04': ['P1009', `Database \`${database}\` already exists on the database server`],
    }
    const [error_code, message] = known[error.code] ?? [undefined, error.message]
    log('ERROR', { is_panic: false, error_code, message })
    process.exit(1)
  }
}

async function query(target, sql) {
  const client = new pg.Client({ connectionString: target.toString(), connectionTimeoutMillis: 5000 })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

async function serve() {
  // The glue is a package, the engine itself is the very file that Prisma 7 ships.
  const glue = await import(file('@prisma/schema-engine-wasm/schema_engine_bg.js'))
  const wasm = readFileSync(file('prisma7/build/schema_engine_bg.wasm'))
  const { instance } = await WebAssembly.instantiate(wasm, { './schema_engine_bg.js': glue })
  glue.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start?.()

  const start = () => {
    const rest = argv.slice(argv.indexOf('--datamodels') + 1)
    const end = rest.findIndex((word) => word.startsWith('--'))
    const files = end < 0 ? rest : rest.slice(0, end)
    const datamodels = files.map((name) => [name, readFileSync(name, 'utf8')])
    return glue.SchemaEngine.new({ datamodels }, () => {}, bindMigrationAwareSqlAdapterFactory(adapterFactory(url)))
  }
  let engine
  const answer = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n')
  for await (const line of createInterface({ input: process.stdin })) {
    if (!line.trim()) continue
    const { id, method, params } = JSON.parse(line)
    try {
      engine ??= await start()
      const result = await engine[method === 'getDatabaseVersion' ? 'version' : method](params)
      answer({ id, result: result ?? {} })
    } catch (error) {
      const data = { is_panic: false, message: String(error?.message ?? error), meta: error?.meta ?? null, error_code: error?.code }
      answer({ id, error: { code: 4466, message: 'An error happened. Check the data field for details.', data } })
    }
  }
}
