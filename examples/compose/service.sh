#!/bin/sh
# The example's service: uses what the migrations made, then runs until it is told to stop.
# It contains no waiting and no migrating; that is the point.
set -eu

# As PID 1 a process hears SIGTERM only if it listens.
trap 'echo "service: stopping"; exit 0' TERM

database=$(cat "$DATABASE_URL_FILE")
query() { psql -X -A -t -q -v ON_ERROR_STOP=1 -d "$database" -c "$1"; }

greeting=$(query "SELECT value FROM public.\"Setting\" WHERE key = 'greeting'")
start=$(query 'INSERT INTO app."Start" DEFAULT VALUES RETURNING id')
echo "service: PID $$, start number $start: $greeting"

# In the background, since a shell runs its traps only between commands.
sleep 2147483647 &
wait
