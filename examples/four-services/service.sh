#!/bin/sh
# Any of the four, as small as can be: asks its one question, and runs until it is told to stop. Usage: service.sh NAME SQL
# It neither waits, nor creates schemas, nor migrates.
set -eu
# psql does not know Prisma's parameters.
answer=$(psql -X -A -t -q -v ON_ERROR_STOP=1 -d "${DATABASE_URL%%\?*}" -c "$2")
echo "$1: up as PID $$: $answer"

# In the background, since a shell runs its traps only between commands.
sleep 2147483647 &
# As PID 1 a process hears SIGTERM only if it listens.
trap 'kill $!; echo stopped; exit 0' TERM
wait
