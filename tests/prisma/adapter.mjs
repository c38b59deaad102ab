// The stock @prisma/adapter-pg, changed so that the Wasm engine is on the wire what the native one is:
//   - a script goes out whole, as one simple query; stock splits it at every ';', which breaks function bodies and
//     loses the implicit transaction of the message;
//   - one session, so that the advisory lock and what SET changes last from call to call;
//   - column types that the catalogs have and stock refuses;
//   - ?schema=x becomes search_path.
import { load } from './packages.mjs'

const { PrismaPg } = load('@prisma/adapter-pg')
const { ColumnTypeEnum, DriverAdapterError } = load('@prisma/driver-adapter-utils')
const pg = load('pg')

// The engine leaves the 10 s timer of its lock running; Node would not end before it.
const realSetTimeout = globalThis.setTimeout
globalThis.setTimeout = (call, ms, ...rest) => {
  const timer = realSetTimeout(call, ms, ...rest)
  if (ms === 10_000) timer.unref()
  return timer
}

const { Boolean, Int32, Int64, Float, Double, Numeric, Character, Json, Uuid, DateTime, Date, Time, Bytes, Text,
  CharacterArray, TextArray, Int32Array, Int64Array, BooleanArray } = ColumnTypeEnum
// By oid of pg_type.
const TYPES = { 16: Boolean, 17: Bytes, 18: Character, 20: Int64, 21: Int32, 23: Int32, 26: Int64, 114: Json, 700: Float,
  701: Double, 1000: BooleanArray, 1002: CharacterArray, 1003: TextArray, 1005: Int32Array, 1007: Int32Array,
  1009: TextArray, 1014: TextArray, 1015: TextArray, 1016: Int64Array, 1028: Int64Array, 1082: Date, 1083: Time,
  1114: DateTime, 1184: DateTime, 1700: Numeric, 2950: Uuid, 3802: Json }
for (const oid of [1002, 1003]) pg.types.setTypeParser(oid, (value) => pg.types.arrayParser.create(value, (item) => item).parse())

// Parameters that Prisma's native connector takes and node-postgres does not know.
const PRISMAS_OWN = ['schema', 'connection_limit', 'pgbouncer', 'connect_timeout', 'pool_timeout', 'socket_timeout',
  'statement_cache_size', 'sslaccept']

/** The URL without Prisma's parameters, and the schema it names. */
export function split(url) {
  const plain = new URL(url)
  const schema = plain.searchParams.get('schema') ?? undefined
  for (const name of PRISMAS_OWN) plain.searchParams.delete(name)
  if (plain.searchParams.get('sslmode') === 'prefer') plain.searchParams.delete('sslmode')
  return { plain, schema }
}

function corrected(adapter) {
  adapter.queryRaw = async (query) => {
    const { fields, rows } = await adapter.performIO(query)
    const columnTypes = fields.map((field) => TYPES[field.dataTypeID] ?? Text)
    return { columnNames: fields.map((field) => field.name), columnTypes, rows }
  }
  const pool = adapter.underlyingDriver()
  adapter.executeScript = async (script) => {
    const client = await pool.connect()
    try {
      await client.query(script)
    } catch (error) {
      const { code, severity = 'ERROR', message, detail, column, hint } = error
      throw new DriverAdapterError({ kind: 'postgres', originalCode: code, originalMessage: message,
        code: code ?? 'N/A', severity, message, detail, column, hint })
    } finally {
      client.release()
    }
  }
  return adapter
}

export function adapterFactory(url) {
  const { plain, schema } = split(url)
  const config = { connectionString: plain.toString(), max: 1, allowExitOnIdle: true, application_name: 'prisma' }
  if (schema) config.options = `-c search_path="${schema}"`.replace(/(?<=search_path=.*)[\\ ]/g, '\\$&')
  const stock = new PrismaPg(config, schema ? { schema } : undefined)
  return {
    provider: stock.provider,
    adapterName: stock.adapterName,
    connect: async () => corrected(await stock.connect()),
    // `migrate deploy`, `status` and `resolve` know no shadow database.
    connectToShadowDb: () => Promise.reject(new Error('there is no shadow database')),
  }
}
