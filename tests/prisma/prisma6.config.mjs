// Prisma 6 runs its own Wasm engine, given a driver adapter.
import path from 'node:path'
import { adapterFactory } from './adapter.mjs'

const project = process.env.PRISMA_PROJECT
export default {
  experimental: { adapter: true },
  engine: 'js',
  schema: path.join(project, 'prisma/schema.prisma'),
  migrations: { path: path.join(project, 'prisma/migrations') },
  adapter: async () => adapterFactory(process.env.DATABASE_URL),
}
