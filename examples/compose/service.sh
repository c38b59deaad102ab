#!/bin/sh
# The example's service: uses the tables of the migrations, then waits for SIGTERM.
# It does not wait for the database or migrate: doorstep has done that.
set -eu

# PID 1 receives SIGTERM only if it has a handler.
trap 'echo "service: stopping"; exit 0' TERM

database=$(cat "$DATABASE_URL_FILE")
query() { psql -X -A -t -q -v ON_ERROR_STOP=1 -d "$database" -c "$1"; }

greeting=$(query "SELECT value FROM public.\"Setting\" WHERE key = 'greeting'")
start=$(query 'INSERT INTO app."Start" DEFAULT VALUES RETURNING id')
echo "service: PID $$, start number $start: $greeting"

# In the background, because a shell runs traps only between commands.
sleep 2147483647 &
wait
