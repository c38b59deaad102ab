// The packages live in a cache outside the source tree (PRISMA_HOME), where Node's own lookup does not find them.
import { createRequire } from 'node:module'
import path from 'node:path'

const home = process.env.PRISMA_HOME
if (!home) throw new Error('PRISMA_HOME is not set: eval "$(scripts/prepare-tests)"')

export const load = createRequire(path.join(home, 'package.json'))
export const file = (name) => path.join(home, 'node_modules', name)
