//! The test environment: the real binary, real servers, and for each test a fresh database and an environment without
//! variables.

pub(crate) mod running_migration;
pub(crate) mod snapshots;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The time limit for each step of a test.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const PASSWORD: &str = "doorstep";

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_doorstep");

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with scripts/test"))
}

/// The directory of this run: template cluster and socket of the shared server.
pub(crate) fn work() -> PathBuf {
    variable("TEST_CLUSTER_WORK").into()
}

pub(crate) fn shared_port() -> u16 {
    variable("TEST_CLUSTER_PORT").parse().unwrap()
}

fn unique(prefix: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// Polls until `condition` returns a value.
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(began.elapsed() < PATIENCE, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

// === PostgreSQL ===

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
        let mut command = psql_command(self.port, &self.name);
        command.args(["-c", sql]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap().into()
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
        let directory = tempfile::tempdir_in(work()).unwrap();
        std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let cluster = Self { port: free_port(), directory };
        run(as_postgres("cp").arg("-a").arg(work().join("template")).arg(cluster.data()));
        cluster.configure(&format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nfsync = off\n{configuration}\n",
            cluster.port,
            cluster.directory.path().display()
        ));
        cluster
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

pub(crate) fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}

pub(crate) fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

/// A port that is free at the moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

// === A project and doorstep in it ===

/// A directory with a Prisma folder.
pub(crate) struct Project {
    directory: Arc<tempfile::TempDir>,
}

impl Project {
    /// For PostgreSQL.
    pub(crate) fn new() -> Self {
        Self::bare().file("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n")
    }

    pub(crate) fn sqlite() -> Self {
        Self::bare().file("prisma/migrations/migration_lock.toml", "provider = \"sqlite\"\n")
    }

    /// Without any migrations folder.
    pub(crate) fn bare() -> Self {
        Self { directory: Arc::new(tempfile::tempdir().unwrap()) }
    }

    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn migration(self, name: &str, sql: &str) -> Self {
        self.file(&format!("prisma/migrations/{name}/migration.sql"), sql)
    }

    /// `1_users` with table users, `2_posts` with table posts.
    pub(crate) fn with_two() -> Self {
        Self::new()
            .migration("1_users", "CREATE TABLE users (id integer PRIMARY KEY);\n")
            .migration("2_posts", "CREATE TABLE posts (id integer PRIMARY KEY);\n")
    }

    /// A folder of numbered files.
    pub(crate) fn numbered(files: &[(&str, &str)]) -> Self {
        let file = |project: Self, (name, sql): &(&str, &str)| project.file(&format!("migrations/{name}"), sql);
        files.iter().fold(Self::bare(), file)
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// doorstep with these arguments, in this directory, with nothing in its environment but PATH and
    /// the URL.
    pub(crate) fn doorstep(&self, url: &str, arguments: &[&str]) -> Doorstep {
        let mut doorstep = Doorstep::new(arguments).directory(self.directory.path());
        doorstep.keep = Some(Arc::clone(&self.directory));
        if url.is_empty() { doorstep } else { doorstep.env("DATABASE_URL", url) }
    }

    /// doorstep with Alembic and Django in its PATH.
    pub(crate) fn with_python(&self, url: &str, arguments: &[&str]) -> Doorstep {
        let path = format!("{}/bin:{}", variable("PYTHON_HOME"), variable("PATH"));
        self.doorstep(url, arguments).env("PATH", &path)
    }

    /// Runs a program of that virtual environment, which must succeed.
    pub(crate) fn python(&self, url: &str, program: &str, arguments: &[&str]) {
        let mut command = Command::new(format!("{}/bin/{program}", variable("PYTHON_HOME")));
        let output = command.args(arguments).current_dir(self.path("")).env("DATABASE_URL", url).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The real Prisma of this version, on this project.
    pub(crate) fn prisma(&self, prisma: Prisma, url: &str, arguments: &[&str]) -> Doorstep {
        let program = format!("{}/tests/prisma/{}", env!("CARGO_MANIFEST_DIR"), prisma.program());
        let mut call = Doorstep::through(&program, &[self.path("").to_str().unwrap()], arguments);
        call.shown = format!("{} {}", prisma.program(), arguments.join(" "));
        call.keep = Some(Arc::clone(&self.directory));
        call.env("DATABASE_URL", url).env("PRISMA_HOME", &variable("PRISMA_HOME"))
    }
}

/// A format whose migrations are SQL scripts: its folder and its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    Prisma,
    Sql,
}

impl Scripts {
    /// The path of this migration's script.
    pub(crate) fn file(self, name: &str) -> String {
        match self {
            Self::Prisma => format!("prisma/migrations/{name}/migration.sql"),
            Self::Sql => format!("migrations/{name}.sql"),
        }
    }

    /// Translates a query on Prisma's history into one on this format's.
    pub(crate) fn query(self, sql: &str) -> String {
        let names = [
            ("_prisma_migrations", "_doorstep_migrations"),
            ("migration_name", "name"),
            ("applied_steps_count", "steps"),
            ("logs", "message"),
            ("length(id)", "length(run)"),
        ];
        match self {
            Self::Prisma => sql.to_owned(),
            Self::Sql => names.iter().fold(sql.to_owned(), |sql, (prismas, ours)| sql.replace(prismas, ours)),
        }
    }
}

/// A release of Prisma (tests/prisma/README.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prisma {
    /// 6.19.3
    Six,
    /// 7.10.1
    Seven,
}

impl Prisma {
    pub(crate) const BOTH: [Self; 2] = [Self::Six, Self::Seven];

    fn program(self) -> &'static str {
        match self {
            Self::Six => "prisma6",
            Self::Seven => "prisma7",
        }
    }
}

/// A call of the binary, built step by step, then run.
pub(crate) struct Doorstep {
    command: Command,
    shown: String,
    /// Keeps the project's directory, which may be a temporary of the same expression.
    keep: Option<Arc<tempfile::TempDir>>,
}

impl Doorstep {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        Self::through(BINARY, &[], arguments)
    }

    /// Through another program: `unshare -pf doorstep …`.
    pub(crate) fn through(program: &str, first: &[&str], arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(first).args(arguments).env_clear().env("PATH", std::env::var("PATH").unwrap());
        // A short deadline; tests of the deadline set their own.
        command.env("DOORSTEP_WAIT_TIMEOUT", "20s");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, shown: format!("doorstep {}", arguments.join(" ")), keep: None }
    }

    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn envs(self, pairs: &[(&str, &str)]) -> Self {
        pairs.iter().fold(self, |doorstep, (name, value)| doorstep.env(name, value))
    }

    /// With a pipe as stdin.
    pub(crate) fn piped(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    pub(crate) fn run(mut self) -> Output {
        let child = self.command.spawn().unwrap();
        Running { child, _keep: self.keep }.finish(&self.shown)
    }

    pub(crate) fn spawn(mut self) -> Running {
        Running { child: self.command.spawn().unwrap(), _keep: self.keep }
    }
}

/// A running child process; killed when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    _keep: Option<Arc<tempfile::TempDir>>,
}

impl From<Child> for Running {
    fn from(child: Child) -> Self {
        Self { child, _keep: None }
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        run(Command::new("kill").args(["-s", name, &self.pid().to_string()]));
    }

    /// Reads stderr until a line contains `text`; returns all that was read.
    pub(crate) fn until_stderr(&mut self, text: &str) -> String {
        let stderr = self.child.stderr.as_mut().unwrap();
        let (mut seen, mut line) = (String::new(), Vec::new());
        loop {
            let mut byte = [0];
            assert!(stderr.read(&mut byte).unwrap() == 1, "`{text}` never came:\n{seen}");
            line.push(byte[0]);
            if byte[0] == b'\n' {
                let whole = String::from_utf8(std::mem::take(&mut line)).unwrap();
                seen += &whole;
                if whole.contains(text) {
                    return seen;
                }
            }
        }
    }

    /// The next line of stdout.
    pub(crate) fn stdout_line(&mut self) -> String {
        let mut line = String::new();
        BufReader::with_capacity(1, self.child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it ends, and collects its output.
    pub(crate) fn finish(mut self, shown: &str) -> Output {
        let read = |stream: Option<Box<dyn Read + Send>>| {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                if let Some(mut stream) = stream {
                    let _ = stream.read_to_end(&mut text);
                }
                String::from_utf8_lossy(&text).into_owned()
            })
        };
        let stdout = read(self.child.stdout.take().map(|s| Box::new(s) as _));
        let stderr = read(self.child.stderr.take().map(|s| Box::new(s) as _));
        let status = until("the process ends", || self.child.try_wait().unwrap());
        let code = status.code();
        Output { code, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap(), shown: shown.to_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Output and exit code of a call, with assertions whose failures show all of it.
pub(crate) struct Output {
    /// Exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) shown: String,
}

impl Output {
    fn picture(&self) -> String {
        let mut text = String::new();
        let Self { code, stdout, stderr, shown } = self;
        write!(text, "$ {shown}\n--- exit {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}---").unwrap();
        text
    }

    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "\n{}", self.picture());
        self
    }

    #[track_caller]
    pub(crate) fn stderr_has(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "stderr lacks `{text}`\n{}", self.picture());
        self
    }

    #[track_caller]
    pub(crate) fn stderr_lacks(self, text: &str) -> Self {
        assert!(!self.stderr.contains(text), "stderr has `{text}`\n{}", self.picture());
        self
    }

    #[track_caller]
    pub(crate) fn stdout_is(self, text: &str) -> Self {
        assert_eq!(self.stdout.trim_end(), text, "\n{}", self.picture());
        self
    }

    #[track_caller]
    pub(crate) fn stdout_has(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "stdout lacks `{text}`\n{}", self.picture());
        self
    }

    /// The error that ended doorstep, without the log before it.
    pub(crate) fn error(&self) -> &str {
        let line = self.stderr.find(" ERROR ").and_then(|at| self.stderr[..at].rfind('\n')).map_or(0, |at| at + 1);
        &self.stderr[line..]
    }

    /// The JSON object in the last line of the log.
    #[track_caller]
    pub(crate) fn last_event(&self) -> serde_json::Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{}", self.picture()))
    }
}

/// A listener on loopback that treats every connection alike.
pub(crate) struct Listener {
    pub(crate) port: u16,
}

impl Listener {
    /// Answers each connection with `answer`; the thread ends with the test process.
    pub(crate) fn answering(answer: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
        Self { port }
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }
}

/// Runs SQL on an SQLite file with sqlx, which is a dependency anyway; returns rows as `a|b` lines.
pub(crate) fn sqlite(path: &Path, sql: &str) -> String {
    use sqlx::{Connection as _, Row as _};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        let rows = sqlx::raw_sql(sql).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let cell = |row: &sqlx::sqlite::SqliteRow, index| {
            let value = sqlx::Row::try_get_raw(row, index).unwrap();
            <String as sqlx::Decode<sqlx::Sqlite>>::decode(value).unwrap_or_default()
        };
        let line = |row: &sqlx::sqlite::SqliteRow| (0..row.len()).map(|i| cell(row, i)).collect::<Vec<_>>().join("|");
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

/// An address that drops connections: the queue of the listener is full, so the kernel drops every
/// further SYN, as a firewall would.
pub(crate) struct BlackHole {
    pub(crate) port: u16,
    _sockets: Vec<socket2::Socket>,
}

impl BlackHole {
    pub(crate) fn new(address: &str) -> Self {
        Self::on(address, 0)
    }

    pub(crate) fn on(address: &str, port: u16) -> Self {
        use socket2::{Domain, Socket, Type};
        let wanted: std::net::SocketAddr = (address.parse::<std::net::IpAddr>().unwrap(), port).into();
        let listener = Socket::new(Domain::for_address(wanted), Type::STREAM, None).unwrap();
        listener.set_reuse_address(true).unwrap();
        listener.bind(&wanted.into()).unwrap();
        listener.listen(0).unwrap();
        let bound = listener.local_addr().unwrap();
        let mut sockets = vec![listener];
        for _ in 0..4 {
            let filler = Socket::new(Domain::for_address(wanted), Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            let _ = filler.connect(&bound);
            sockets.push(filler);
        }
        Self { port: bound.as_socket().unwrap().port(), _sockets: sockets }
    }
}

/// A project whose schema file has two models, two mapped columns and an enum, and whose migrations create less.
pub(crate) fn project_of_a_schema() -> Project {
    let schema = "datasource db {\n  provider = \"postgresql\"\n}\n\nmodel User {\n  id Int @id\n  email String @unique\n  reportId Int?\n}\n\n\
                  model SLAPolicy {\n  id Int @id\n  role Role\n}\n\nenum Role {\n  A\n  B\n}\n";
    Project::new().file("prisma/schema.prisma", schema).migration(
        "1_init",
        "CREATE TABLE \"User\" (id integer NOT NULL, email text NOT NULL, report_id integer, CONSTRAINT \"User_pkey\" PRIMARY KEY (id));",
    )
}
