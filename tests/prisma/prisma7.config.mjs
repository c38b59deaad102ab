// Prisma 7 refuses a URL in the schema file, Prisma 6 wants one there: a copy without it serves the same project.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const project = process.env.PRISMA_PROJECT
const directory = mkdtempSync(path.join(tmpdir(), 'prisma7-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
const schema = path.join(directory, 'schema.prisma')
const text = readFileSync(path.join(project, 'prisma/schema.prisma'), 'utf8')
writeFileSync(schema, text.replace(/^\s*(url|directUrl)\s*=.*$/gm, ''))

export default {
  schema,
  migrations: { path: path.join(project, 'prisma/migrations') },
  datasource: { url: process.env.DATABASE_URL },
}
