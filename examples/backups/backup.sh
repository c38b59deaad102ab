#!/bin/sh
set -eu
file=${BACKUP_DIR:-/backup}/$(date -u +%Y%m%dT%H%M%SZ).dump
# Prisma's parameters behind the ? are none of pg_dump's.
pg_dump --format=custom --file="$file.part" "${DATABASE_URL%%\?*}"
mv "$file.part" "$file"
echo "saved $file before: $DOORSTEP_PENDING"
