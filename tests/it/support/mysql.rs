//! MySQL and MariaDB: databases on the shared server, and servers for one test.

use std::process::{Command, Stdio};

use super::{PASSWORD, Running, free_port, is_root, run, unique, until, variable};

/// A new database on the shared server; dropped unless the test failed.
pub(crate) struct MysqlDatabase {
    pub(crate) name: String,
}

impl MysqlDatabase {
    pub(crate) fn fresh() -> Self {
        let database = Self::absent();
        mysql("", &format!("CREATE DATABASE {} CHARACTER SET utf8mb4", database.name));
        database
    }

    /// A name only; the database does not exist.
    pub(crate) fn absent() -> Self {
        Self { name: unique("t") }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/{}", variable("MYSQL_URL"), self.name)
    }

    /// Runs SQL and returns the rows as `a|b` lines.
    pub(crate) fn sql(&self, sql: &str) -> String {
        mysql(&self.name, sql)
    }

    /// A new account with the common password and these rights: `ALL ON t.*`, where `DB` is this database.
    pub(crate) fn account(&self, rights: &str) -> String {
        let account = unique("u");
        mysql("", &format!("CREATE USER {account}@'%' IDENTIFIED BY '{PASSWORD}'"));
        if !rights.is_empty() {
            mysql("", &format!("GRANT {} TO {account}@'%'", rights.replace("DB", &self.name)));
        }
        account
    }

    pub(crate) fn url_as(&self, account: &str) -> String {
        let url = variable("MYSQL_URL");
        let (_, place) = url.split_once('@').unwrap();
        format!("mysql://{account}:{PASSWORD}@{place}/{}", self.name)
    }

    /// A client that runs this SQL in the background.
    pub(crate) fn session(&self, sql: &str) -> Running {
        let mut command = client(&variable("MYSQL_URL"), &self.name);
        command.args(["-e", sql]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap().into()
    }
}

impl Drop for MysqlDatabase {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            mysql("", &format!("DROP DATABASE IF EXISTS {}", self.name));
        }
    }
}

/// Runs SQL on the shared server.
pub(crate) fn mysql(database: &str, sql: &str) -> String {
    mysql_at(&variable("MYSQL_URL"), database, sql)
}

fn mysql_at(url: &str, database: &str, sql: &str) -> String {
    let output = client(url, database).args(["-e", sql]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "mariadb failed on {sql}\n{error}");
    String::from_utf8(output.stdout).unwrap().trim_end().replace('\t', "|")
}

/// Whether the server answers with an error.
pub(crate) fn mysql_refuses(database: &str, sql: &str) -> bool {
    !client(&variable("MYSQL_URL"), database).args(["-e", sql]).output().unwrap().status.success()
}

/// Ends a session of the server with this URL; it may have ended by itself.
pub(crate) fn kill_session(url: &str, id: &str) {
    let output = client(url, "").args(["-e", &format!("KILL {id}")]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || error.contains("Unknown thread id"), "{error}");
}

/// The command-line client, with rows as lines and columns separated by tabs.
fn client(url: &str, database: &str) -> Command {
    let login = url.strip_prefix("mysql://").unwrap();
    let (account, place) = login.split_once('@').unwrap();
    let (user, password) = account.split_once(':').unwrap();
    let (host, port) = place.split_once(':').unwrap();
    let mut command = Command::new("mariadb");
    command.args(["--no-defaults", "--batch", "--skip-column-names", "--raw", "-h", host, "-P", port, "-u", user]);
    // Without it, the client takes comments out of the bodies of programs.
    command.arg("--comments");
    command
        .args(["--default-character-set=utf8mb4".to_owned(), format!("-p{password}")])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap());
    if !database.is_empty() {
        command.arg(database);
    }
    command
}

/// The server that scripts/throwaway-mariadb starts.
fn program() -> String {
    std::env::var("MYSQL_SERVER").unwrap_or_else(|_| "mariadbd".to_owned())
}

/// Whether that is MariaDB.
pub(crate) fn is_mariadb() -> bool {
    let output = Command::new(program()).args(["--no-defaults", "--version"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().contains("MariaDB")
}

/// A server for one test.
pub(crate) struct MysqlServer {
    pub(crate) port: u16,
    pub(crate) directory: tempfile::TempDir,
    process: Option<std::process::Child>,
}

impl MysqlServer {
    /// A copy of the template; not started.
    pub(crate) fn stopped() -> Self {
        let work = std::path::PathBuf::from(variable("TEST_MYSQL_WORK"));
        let directory = tempfile::tempdir_in(&work).unwrap();
        std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        run(Command::new("cp").arg("-a").arg(work.join("template")).arg(directory.path().join("data")));
        Self { port: free_port(), directory, process: None }
    }

    /// Starts one for which names of tables have no case.
    pub(crate) fn folding_names() -> Self {
        let option = "--lower-case-table-names=1";
        let mut server = Self::stopped();
        // MySQL takes the option only when the data are made.
        if !is_mariadb() {
            let data = server.directory.path().join("data");
            std::fs::remove_dir_all(&data).unwrap();
            let mut command = Command::new(program());
            command
                .args(["--no-defaults", option, "--initialize-insecure"])
                .arg(format!("--datadir={}", data.display()));
            if is_root() {
                command.arg("--user=root");
            }
            run(command.stderr(Stdio::null()));
        }
        server.start(&[option]);
        server.until_ready();
        server
    }

    /// Starts it with these options, without waiting until it is ready.
    pub(crate) fn start(&mut self, options: &[&str]) {
        let (work, at) = (variable("TEST_MYSQL_WORK"), self.directory.path().display().to_string());
        let log = std::fs::File::create(self.directory.path().join("log")).unwrap();
        let mut command = Command::new(program());
        command.arg("--no-defaults");
        if is_root() {
            command.arg("--user=root");
        }
        command
            .args([format!("--datadir={at}/data"), format!("--socket={at}/socket"), format!("--pid-file={at}/pid")])
            // A server that starts removes the temporary tables of others from a directory that they share.
            .arg(format!("--tmpdir={at}"))
            .args([format!("--port={}", self.port), format!("--init-file={work}/init")])
            .args(["--bind-address=127.0.0.1", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0"])
            .args(["--innodb-buffer-pool-size=32M", "--skip-name-resolve"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.process = Some(command.spawn().unwrap());
    }

    /// Starts it and waits until it answers.
    pub(crate) fn started(options: &[&str]) -> Self {
        let mut server = Self::stopped();
        server.start(options);
        server.until_ready();
        server
    }

    pub(crate) fn until_ready(&self) {
        until("the server answers", || {
            client(&self.root(), "").args(["-e", "SELECT 1"]).output().unwrap().status.success().then_some(())
        });
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            run(Command::new("kill").arg(process.id().to_string()));
            until("the server has ended", || process.try_wait().unwrap());
        }
    }

    /// Kills it, as the kernel does when memory ends; returns when it is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// A client of this account that runs this SQL in the background.
    pub(crate) fn session_as(&self, account: &str, sql: &str) -> Running {
        let mut command = client(&self.root().replace("root", account), "");
        command.args(["-e", sql]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap().into()
    }

    fn root(&self) -> String {
        format!("mysql://root:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.root())
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        mysql_at(&self.root(), "", sql)
    }
}

impl Drop for MysqlServer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
