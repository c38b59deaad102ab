# What the demos share: a server, the binary, a copy of the example to work in, and a way to show a command and to hold
# what it says against what the example promises. A demo begins with
#
#   . "$(dirname "$0")/../lib.sh"
#
# and then stands in a copy of its folder, with doorstep and psql in PATH and DATABASE_URL naming a database that does
# not exist yet. Whatever it made is gone when it ends. With `engine=mysql` before that line, the server is a MariaDB and the
# client is mariadb.
#
#   POSTGRES_URL    a server to use (postgresql://user:password@host:port, of a role that may create databases);
#                   without it the demo starts one of its own
#   MYSQL_URL       likewise (mysql://user:password@host:port)
#   DOORSTEP        the binary; without it, what cargo has built, or builds now
# shellcheck shell=sh
set -eu

example=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$example/../.." && pwd)
case ${engine:=postgres} in
    mysql) server=${MYSQL_URL:-} own_server=throwaway-mariadb ;;
    *) server=${POSTGRES_URL:-} own_server=throwaway-postgres ;;
esac
[ -n "$server" ] || exec "$root/scripts/$own_server" "$example/demo"

# A database of this demo only, whatever else the server holds.
database=$(basename "$example" | tr - _)_demo_$$
work=$(mktemp -d)

# on_mysql [DATABASE] [ARG…]: the client on the demo's server.
on_mysql() {
    login=${server#mysql://} && account=${login%%@*} place=${login#*@}
    MYSQL_PWD=${account#*:} mariadb --no-defaults --batch --skip-column-names -u "${account%%:*}" -h "${place%:*}" \
        -P "${place#*:}" "$@"
}

# create_database, drop_database: of the demo, from outside of it.
create_database() {
    case $engine in
        mysql) on_mysql -e "CREATE DATABASE $database CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci" ;;
        *) psql -X -q -d "$server/postgres" -c "CREATE DATABASE \"$database\"" ;;
    esac
}
drop_database() {
    case $engine in
        mysql) on_mysql -e "DROP DATABASE IF EXISTS $database" ;;
        *)
            PGOPTIONS="-c client_min_messages=warning" \
                psql -X -q -d "$server/postgres" -c "DROP DATABASE IF EXISTS \"$database\" WITH (FORCE)"
            ;;
    esac
}

clean_up() {
    drop_database || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

target=${CARGO_TARGET_DIR:-$root/target}/x86_64-unknown-linux-musl
for built in "$target/release/doorstep" "$target/debug/doorstep"; do
    [ -n "${DOORSTEP:-}" ] || ! [ -x "$built" ] || DOORSTEP=$built
done
if [ -z "${DOORSTEP:-}" ]; then
    echo "building doorstep (the first time takes some minutes)"
    (cd "$root" && cargo build -q --target x86_64-unknown-linux-musl)
    DOORSTEP=$target/debug/doorstep
fi
mkdir "$work/bin"
ln -s "$DOORSTEP" "$work/bin/doorstep"
PATH=$work/bin:$PATH

export PATH DATABASE_URL="$server/$database"
cp -R "$example" "$work/project"
cd "$work/project"

# title TEXT: the next part of the story.
title() { printf '\n=== %s\n' "$*"; }

# tell TEXT…: a line each.
tell() { printf '%s\n' "$@"; }

# show CODE COMMAND [ARG…]: runs it, prints what it says (without the times of log lines) and wants this exit code.
show() {
    wanted=$1
    shift
    printf '\n$ %s\n' "$*" | sed "s|$DATABASE_URL|\$DATABASE_URL|"
    "$@" >"$work/said" 2>&1 && code=0 || code=$?
    sed -i 's/^[-0-9]*T[0-9:.]*Z //' "$work/said"
    cat "$work/said"
    [ "$code" = 0 ] || echo "(exit code $code)"
    [ "$code" = "$wanted" ] || fail "the exit code should be $wanted"
}

# says TEXT…: each stands in what the last shown command said.
says() {
    for text; do grep -qF -e "$text" "$work/said" || fail "this should have been said: $text"; done
}

# silent_on TEXT…: none does.
silent_on() {
    for text; do ! grep -qF -e "$text" "$work/said" || fail "this should not have been said: $text"; done
}

# sql STATEMENT: on the demo's database; rows as a|b lines, on MySQL with tabs.
sql() {
    case $engine in
        mysql) on_mysql "$database" -e "$1" ;;
        *) psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$DATABASE_URL" -c "$1" ;;
    esac
}

# sql_file FILE: runs it on the demo's database of MySQL.
sql_file() { on_mysql "$database" <"$1"; }

fail() {
    echo "demo: $*" >&2
    exit 1
}
