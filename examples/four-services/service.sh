#!/bin/sh
# A minimal service: runs one query, then waits for SIGTERM. Usage: service.sh NAME SQL
# It does not wait for the database, create schemas, or migrate.
set -eu
# psql does not know Prisma's parameters.
answer=$(psql -X -A -t -q -v ON_ERROR_STOP=1 -d "${DATABASE_URL%%\?*}" -c "$2")
echo "$1: up as PID $$: $answer"

# In the background, because a shell runs traps only between commands.
sleep 2147483647 &
# PID 1 receives SIGTERM only if it has a handler.
trap 'kill $!; echo stopped; exit 0' TERM
wait
