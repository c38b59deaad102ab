//! PostgreSQL: databases on the shared server, and servers for one test.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{PASSWORD, Running, free_port, is_root, run, shared_port, unique, until, work};

/// A new database on a server; dropped unless the test failed.
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl Database {
    /// On the shared server.
    pub(crate) fn fresh() -> Self {
        Self::fresh_on(shared_port())
    }

    pub(crate) fn fresh_on(port: u16) -> Self {
        let database = Self::absent_on(port);
        psql(port, "postgres", &format!("CREATE DATABASE \"{}\"", database.name));
        database
    }

    /// A copy of this database, which must have no sessions.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::absent_on(self.port);
        let sql = format!("CREATE DATABASE \"{}\" TEMPLATE \"{}\"", copy.name, self.name);
        until("nobody is connected to the template", || {
            psql_command(self.port, "postgres").args(["-c", &sql]).output().unwrap().status.success().then_some(())
        });
        copy
    }

    /// A name only; the database does not exist.
    pub(crate) fn absent() -> Self {
        Self::absent_on(shared_port())
    }

    fn absent_on(port: u16) -> Self {
        Self { name: unique("t"), port }
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres:{PASSWORD}@127.0.0.1:{}/{}", self.port, self.name)
    }

    /// For tools whose driver refuses the short PBKDF2 of the role postgres (scripts/throwaway-postgres): those of Go and Java.
    pub(crate) fn url_for_tools(&self) -> String {
        self.url_as("tools")
    }

    /// Runs SQL and returns the rows as `a|b` lines.
    pub(crate) fn sql(&self, sql: &str) -> String {
        psql(self.port, &self.name, sql)
    }

    /// A new role with the common password.
    pub(crate) fn role(&self, options: &str) -> String {
        let role = unique("r");
        self.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}' {options}"));
        role
    }

    pub(crate) fn url_as(&self, role: &str) -> String {
        format!("postgresql://{role}:{PASSWORD}@127.0.0.1:{}/{}", self.port, self.name)
    }

    /// A session that holds the migration lock of this database when this function returns.
    pub(crate) fn hold_migration_lock(&self, application: &str) -> Running {
        let sql = format!("SET application_name = '{application}'; SELECT pg_advisory_lock(72707369), pg_sleep(600)");
        let holder = self.session(&sql);
        until("the migration lock is held", || {
            let held = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                        WHERE l.objid = 72707369 AND l.granted AND d.datname = current_database()";
            (self.sql(held) == "1").then_some(())
        });
        holder
    }

    /// A psql session that runs this SQL in the background.
    pub(crate) fn session(&self, sql: &str) -> Running {
        session(self.port, &self.name, sql)
    }

    /// A psql session that runs this SQL and then waits for more: it keeps its transaction, and no snapshot.
    pub(crate) fn idle_session(&self, sql: &str) -> Running {
        let mut command = psql_command(self.port, &self.name);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{sql}\n\\echo done").unwrap();
        let mut answer = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while line != "done\n" {
            line.clear();
            assert!(answer.read_line(&mut line).unwrap() > 0, "the session of {sql} has ended");
        }
        child.stdout = Some(answer.into_inner());
        child.into()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            psql(self.port, "postgres", &format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name));
        }
    }
}

fn psql_command(port: u16, database: &str) -> Command {
    let mut command = Command::new("psql");
    command
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres"])
        .args(["-p", &port.to_string(), "-d", database])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("PGPASSWORD", PASSWORD);
    command
}

/// A psql session that runs this SQL in the background.
pub(crate) fn session(port: u16, database: &str, sql: &str) -> Running {
    let mut command = psql_command(port, database);
    command.args(["-c", sql]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap().into()
}

pub(crate) fn psql(port: u16, database: &str, sql: &str) -> String {
    let output = psql_command(port, database).args(["-c", sql]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "psql failed on {sql}\n{error}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A server for one test.
pub(crate) struct Cluster {
    pub(crate) port: u16,
    pub(crate) directory: tempfile::TempDir,
}

impl Cluster {
    /// A stopped copy of the template, with more lines for postgresql.conf.
    pub(crate) fn stopped(configuration: &str) -> Self {
        let cluster = Self::without_data();
        run(as_postgres("cp").arg("-a").arg(work().join("template")).arg(cluster.data()));
        cluster.configure(&format!("{}{configuration}\n", cluster.addresses()));
        cluster
    }

    /// A running standby, which replicates this server.
    pub(crate) fn started_standby(&self) -> Self {
        let standby = Self::without_data();
        let mut backup = as_postgres("pg_basebackup");
        backup.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string(), "-R", "-c", "fast", "-D"]);
        run(backup.arg(standby.data()).env("PGPASSWORD", PASSWORD));
        standby.configure(&standby.addresses());
        standby.start();
        standby
    }

    fn without_data() -> Self {
        let directory = tempfile::tempdir_in(work()).unwrap();
        std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        Self { port: free_port(), directory }
    }

    fn addresses(&self) -> String {
        format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nfsync = off\n",
            self.port,
            self.directory.path().display()
        )
    }

    pub(crate) fn started(configuration: &str) -> Self {
        let cluster = Self::stopped(configuration);
        cluster.start();
        cluster
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Appends to postgresql.conf.
    pub(crate) fn configure(&self, lines: &str) {
        let path = self.data().join("postgresql.conf");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text + lines).unwrap();
    }

    pub(crate) fn start(&self) {
        run(self.pg_ctl("start").arg("-w"));
    }

    /// Starts without waiting for readiness.
    pub(crate) fn begin_start(&self) {
        run(self.pg_ctl("start").arg("-W"));
    }

    pub(crate) fn pg_ctl(&self, action: &str) -> Command {
        let mut command = as_postgres("pg_ctl");
        command.arg(action).arg("-D").arg(self.data()).arg("-l").arg(self.directory.path().join("log"));
        command.stdout(Stdio::null());
        command
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.pg_ctl("stop").args(["-m", "immediate"]).stderr(Stdio::null()).status();
    }
}

/// PostgreSQL refuses to run as root.
pub(crate) fn as_postgres(program: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", program]);
    command
}

/// PgBouncer before the shared server, and the URL of a database behind it.
pub(crate) fn pgbouncer(database: &Database, mode: &str) -> (Running, tempfile::TempDir, String) {
    let directory = tempfile::tempdir_in(work()).unwrap();
    std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let (port, file) = (free_port(), |name: &str| directory.path().join(name));
    std::fs::write(file("users"), format!("\"postgres\" \"{PASSWORD}\"\n")).unwrap();
    std::fs::write(
        file("ini"),
        format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             auth_type = scram-sha-256\nauth_file = {}\npool_mode = {mode}\nunix_socket_dir =\n",
            database.port,
            file("users").display()
        ),
    )
    .unwrap();
    let mut pgbouncer = as_postgres("pgbouncer");
    pgbouncer.arg(file("ini")).stdin(Stdio::null()).stderr(Stdio::null());
    let running = Running::from(pgbouncer.spawn().unwrap());
    (running, directory, format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/{}", database.name))
}
