//! What a script may leave changed in its session, and how it is put back. The protocol's COM_RESET_CONNECTION would do it,
//! and drop the migration lock.

use crate::base::fault::Fault;
use crate::engines::engine::first_column;
use crate::engines::mysql::SQL;
use crate::engines::mysql::client::Client;
use crate::engines::session::Conditions;
use crate::sql::Row;

/// The variables that are put back; a server has most of them. A character set changes the collation, which comes after.
const NAMES: [&str; 36] = [
    "sql_mode",
    "foreign_key_checks",
    "unique_checks",
    "check_constraint_checks",
    "time_zone",
    "character_set_client",
    "character_set_results",
    "character_set_connection",
    "collation_connection",
    "autocommit",
    "transaction_isolation",
    "tx_isolation",
    "transaction_read_only",
    "tx_read_only",
    "sql_safe_updates",
    "sql_auto_is_null",
    "sql_log_bin",
    "default_storage_engine",
    "innodb_strict_mode",
    "max_statement_time",
    "max_execution_time",
    "sql_select_limit",
    "explicit_defaults_for_timestamp",
    "auto_increment_increment",
    "auto_increment_offset",
    "div_precision_increment",
    "group_concat_max_len",
    "max_sort_length",
    "default_week_format",
    "lc_time_names",
    "default_tmp_storage_engine",
    "sql_require_primary_key",
    "sql_generate_invisible_primary_key",
    "alter_algorithm",
    "old_mode",
    "system_versioning_alter_history",
];

/// ER_INCORRECT_GLOBAL_LOCAL_VAR: the variable is a global one.
const GLOBAL_ONLY: &str = "1238";

/// The driver logs in with CLIENT_IGNORE_SPACE, which adds a mode to the session's `sql_mode`: it makes function names reserved
/// words, and routines and triggers keep it for ever.
const WITHOUT_DRIVERS_MODE: &str = "SET SESSION sql_mode = IF(FIND_IN_SET('IGNORE_SPACE', @@GLOBAL.sql_mode), @@SESSION.sql_mode, \
     TRIM(BOTH ',' FROM REPLACE(CONCAT(',', @@SESSION.sql_mode, ','), ',IGNORE_SPACE,', ',')))";

/// The session's own settings.
#[derive(Debug)]
pub(crate) struct OwnSettings {
    names: Vec<String>,
    values: Row,
}

impl OwnSettings {
    /// Reads them, before the first script runs, without the mode that the driver brings in.
    pub(crate) async fn of(client: &mut Client) -> Result<Self, Fault> {
        client.send(WITHOUT_DRIVERS_MODE).await?;
        let names = NAMES.map(|name| SQL.literal(name)).join(", ");
        let known = client.send(format!("SHOW SESSION VARIABLES WHERE Variable_name IN ({names})")).await?.rows;
        let known = first_column(known);
        let is_known = |name: &&&str| known.iter().any(|it| it.eq_ignore_ascii_case(name));
        let names: Vec<String> = NAMES.iter().filter(is_known).map(|name| (*name).to_owned()).collect();
        let mut own = Self { names, values: Row::new() };
        loop {
            match client.send(format!("SELECT {}", own.values_sql())).await {
                Ok(mut answer) => {
                    own.values = answer.rows.pop().unwrap_or_default();
                    return Ok(own);
                }
                // An older server may show a variable as the session's that is only the server's own (MDEV-29225).
                Err(fault) if fault.code.as_deref() == Some(GLOBAL_ONLY) && own.drop_named(&fault.message) => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Leaves out the variables that a message of the server names between quotes; false where it names none.
    fn drop_named(&mut self, message: &str) -> bool {
        let before = self.names.len();
        self.names.retain(|name| !message.contains(&format!("'{name}'")));
        self.names.len() < before
    }

    /// The values as the session has them now, for a SELECT.
    pub(crate) fn values_sql(&self) -> String {
        self.names.iter().map(|name| format!("@@SESSION.{name}")).collect::<Vec<_>>().join(", ")
    }

    /// The statement that puts back what differs now; `None` where nothing does.
    pub(crate) fn restoring(&self, now: &[Option<String>]) -> Option<String> {
        let pairs = self.names.iter().zip(&self.values).zip(now);
        let changed = pairs.filter(|((_, own), now)| own != now);
        let changes: Vec<String> =
            changed.map(|((name, own), _)| format!("@@SESSION.{name} = {}", value(own.as_deref()))).collect();
        (!changes.is_empty()).then(|| format!("SET {}", changes.join(", ")))
    }
}

fn value(text: Option<&str>) -> String {
    match text {
        None => "NULL".to_owned(),
        Some(text) if text.parse::<f64>().is_ok() => text.to_owned(),
        Some(text) => SQL.literal(text),
    }
}

/// The statement that puts a session in these conditions: both waits are counted in whole seconds, of which 1 is the least
/// that both servers take. Without a limit they are those of the server.
pub(crate) fn setting(conditions: Conditions<'_>) -> String {
    let seconds = match conditions.lock_timeout {
        Some(timeout) => timeout.as_millis().div_ceil(1000).max(1).to_string(),
        None => "DEFAULT".to_owned(),
    };
    format!("SET SESSION lock_wait_timeout = {seconds}, SESSION innodb_lock_wait_timeout = {seconds}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_what_differs_is_put_back() {
        let row = |values: &[&str]| values.iter().map(|value| Some((*value).to_owned())).collect::<Row>();
        let own = OwnSettings {
            names: ["sql_mode", "autocommit", "character_set_results"].map(str::to_owned).to_vec(),
            values: row(&["", "1", "utf8mb4"]),
        };
        assert_eq!(own.restoring(&row(&["", "1", "utf8mb4"])), None);
        let expected = "SET @@SESSION.sql_mode = '', @@SESSION.autocommit = 1";
        assert_eq!(own.restoring(&row(&["ANSI", "0", "utf8mb4"])).as_deref(), Some(expected));
    }

    #[test]
    fn a_variable_that_is_the_servers_own_is_left_out() {
        let names = ["old_mode", "explicit_defaults_for_timestamp"].map(str::to_owned).to_vec();
        let mut own = OwnSettings { names, values: Row::new() };
        assert!(own.drop_named("Variable 'explicit_defaults_for_timestamp' is a GLOBAL variable"));
        assert!(!own.drop_named("Variable 'mode' is a GLOBAL variable"));
        assert_eq!(own.names, ["old_mode"]);
    }

    #[test]
    fn a_wait_is_at_least_a_second() {
        let of = |lock_timeout| setting(Conditions { lock_timeout, label: "" });
        assert!(of(Some(Duration::from_millis(200))).contains("lock_wait_timeout = 1,"));
        assert!(of(Some(Duration::from_millis(5001))).contains("lock_wait_timeout = 6,"));
        assert!(of(None).contains("innodb_lock_wait_timeout = DEFAULT"));
    }
}
