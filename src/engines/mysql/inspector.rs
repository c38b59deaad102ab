//! MySQL and MariaDB as an [`Inspector`]. The sessions of others are visible with the privilege PROCESS only: without it these
//! questions are refused, rather than answered with what is visible.

use std::time::{Duration, SystemTime};

use crate::catalog::Name;
use crate::engines::advice_facts::{IndexFacts, TableFacts};
use crate::engines::engine::{Query, first_column, unexpected_row};
use crate::engines::inspector::{Connections, GrantedRights, Inspector, Rights, RoleFacts, TableLocks, Transactions};
use crate::engines::mysql::catalog::Mysql;
use crate::engines::mysql::queries::{PEER, peer};
use crate::engines::trace::{Certificate, Encryption};
use crate::engines::values::text;
use crate::sql::Row;

/// The session's account, as the views of privileges write it: `'shop'@'%'`. A user name may hold an `@`.
const GRANTEE: &str = "CONCAT('''', LEFT(CURRENT_USER(), LENGTH(CURRENT_USER()) \
    - LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";

/// A statement before a question about the sessions of others, with one value. Without PROCESS it is refused, and the message ends; the
/// question itself would be answered with this account's own sessions, where the server finds no need to open that view.
const REFUSED_WITHOUT_PROCESS: &str = "SELECT COUNT(*) FROM information_schema.innodb_trx";

impl Inspector for Mysql {
    fn role(&self) -> Option<Query<RoleFacts>> {
        Some(Query::new("SELECT CURRENT_USER()".to_owned(), |rows| {
            let name = first_column(rows).into_iter().next().unwrap_or_default();
            Ok(RoleFacts { name, ..RoleFacts::default() })
        }))
    }

    fn rights(&self, _schemas: &[String]) -> Option<Query<Rights>> {
        let sql = format!(
            "SELECT {GRANTEE}, DATABASE(), IFNULL(CURRENT_ROLE(), 'NONE') <> 'NONE'; \
             SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = {GRANTEE} UNION \
             SELECT privilege_type FROM information_schema.schema_privileges WHERE grantee = {GRANTEE} \
             AND DATABASE() LIKE table_schema"
        );
        Some(Query::new(sql, |rows| {
            let [first, rest @ ..] = rows.as_slice() else { return Err(unexpected_row()) };
            Ok(Rights::Granted(GrantedRights {
                account: text(first, 0),
                database: text(first, 1),
                has_role: text(first, 2) == "1",
                privileges: first_column(rest.to_vec()),
            }))
        }))
    }

    fn connections(&self) -> Option<Query<Connections>> {
        let sql = "SELECT @@global.max_connections, @@session.max_user_connections, (SELECT COUNT(*) \
                   FROM information_schema.processlist WHERE user = SUBSTRING_INDEX(USER(), '@', 1)); \
                   SHOW GLOBAL STATUS LIKE 'Threads_connected'";
        Some(Query::new(sql.to_owned(), |rows| {
            let [settings, threads] = rows.as_slice() else { return Err(unexpected_row()) };
            let of_role = (number(settings, 2), number(settings, 1));
            Ok(Connections {
                used: number(threads, 1),
                limit: number(settings, 0),
                of_role: (of_role.1 > 0).then_some(of_role),
                ..Connections::default()
            })
        }))
    }

    fn transactions(&self, least: Duration) -> Option<Query<Transactions>> {
        let age = "TIMESTAMPDIFF(SECOND, t.trx_started, NOW())";
        let sql = format!(
            "{REFUSED_WITHOUT_PROCESS}; SELECT {PEER}, {age} FROM information_schema.innodb_trx t JOIN information_schema.processlist p \
             ON p.id = t.trx_mysql_thread_id WHERE p.id <> CONNECTION_ID() AND p.db = DATABASE() AND {age} >= {} \
             ORDER BY t.trx_started LIMIT 5",
            least.as_secs()
        );
        Some(Query::new(sql, move |rows| {
            let sessions = rows.iter().filter(|row| row.len() > 1);
            let long = sessions.map(|row| (peer(row), Duration::from_secs(number(row, 7)))).collect();
            Ok(Transactions { least, long, ..Transactions::default() })
        }))
    }

    /// Who waits; who holds a lock on a table's metadata is recorded with an instrument that is off on MariaDB.
    fn table_locks(&self, _schemas: &[String]) -> Option<Query<TableLocks>> {
        let sql = format!(
            "{REFUSED_WITHOUT_PROCESS}; SELECT {PEER} FROM information_schema.processlist p WHERE p.db = DATABASE() \
             AND p.state LIKE 'Waiting for%lock%' ORDER BY p.time DESC LIMIT 5"
        );
        Some(Query::new(sql, |rows| {
            let sessions = rows.iter().filter(|row| row.len() > 1);
            let waiting = sessions.map(|row| (peer(row), String::new())).collect();
            Ok(TableLocks { waiting, ..TableLocks::default() })
        }))
    }

    /// The server makes an index for each foreign key itself, which only goes when another one serves it.
    fn indexes(&self, _schemas: &[String]) -> Option<Query<Vec<IndexFacts>>> {
        let sql = "SELECT s.table_schema, s.table_name, s.index_name, s.non_unique, s.index_type, s.column_name, s.sub_part, s.collation \
                   FROM information_schema.statistics s WHERE s.table_schema = DATABASE() ORDER BY 1, 2, 3, s.seq_in_index";
        Some(Query::new(sql.to_owned(), |rows| Ok(indexes(&rows))))
    }

    fn tables(&self, _schemas: &[String], _is_exact: bool) -> Option<Query<Vec<TableFacts>>> {
        let sql = "SELECT table_schema, table_name, table_rows, data_length FROM information_schema.tables \
                   WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY 1, 2";
        Some(Query::new(sql.to_owned(), |rows| {
            let read = |row: &Row| TableFacts {
                table: Name { schema: text(row, 0), name: text(row, 1) },
                rows: text(row, 2).parse().ok(),
                bytes: text(row, 3).parse().ok(),
                deletes: None,
                updates: None,
            };
            Ok(rows.iter().map(read).collect())
        }))
    }

    fn encryption(&self) -> Option<Query<Encryption>> {
        let sql = "SHOW SESSION STATUS WHERE variable_name IN ('Ssl_version', 'Ssl_cipher', 'Ssl_server_not_after')";
        Some(Query::new(sql.to_owned(), |rows| Ok(encryption(&rows))))
    }
}

/// Folds the rows of an index, one for each column.
fn indexes(rows: &[Row]) -> Vec<IndexFacts> {
    let mut indexes: Vec<IndexFacts> = Vec::new();
    for row in rows {
        let (table, name) = (Name { schema: text(row, 0), name: text(row, 1) }, text(row, 2));
        if indexes.last().is_none_or(|last| last.table != table || last.name != name) {
            let is_needed = name == "PRIMARY";
            let (method, is_unique) = (text(row, 4).to_ascii_lowercase(), text(row, 3) == "0");
            let index =
                IndexFacts { table, name, method, is_unique, is_needed, is_valid: true, ..IndexFacts::default() };
            indexes.push(index);
        }
        let Some(index) = indexes.last_mut() else { continue };
        let column = text(row, 5);
        // Of two expressions nothing is known, so that each is a part of its own.
        let part = match column.is_empty() {
            true => format!("{} {}", index.name, index.parts.len()),
            false => format!("{column} {} {}", text(row, 6), text(row, 7)),
        };
        index.parts.push(part);
        index.columns.push(column);
    }
    indexes
}

fn encryption(rows: &[Row]) -> Encryption {
    let value = |name: &str| {
        let row = rows.iter().find(|row| text(row, 0).eq_ignore_ascii_case(name));
        row.map(|row| text(row, 1)).unwrap_or_default()
    };
    let expires = time(&value("Ssl_server_not_after"));
    let certificate = expires.map(|expires| Certificate { subject: None, issuer: None, expires: Some(expires) });
    Encryption {
        version: value("Ssl_version").replace("TLSv", "TLS "),
        cipher: value("Ssl_cipher"),
        chain: certificate.into_iter().collect(),
    }
}

/// `Nov 29 17:05:09 2027 GMT`, as OpenSSL prints it.
fn time(text: &str) -> Option<SystemTime> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let [month, day, clock, year, "GMT"] = text.split_whitespace().collect::<Vec<_>>()[..] else { return None };
    let month = MONTHS.find(month)? / 3 + 1;
    humantime::parse_rfc3339(&format!("{year}-{month:02}-{day:0>2}T{clock}Z")).ok()
}

fn number(row: &Row, index: usize) -> u64 {
    text(row, index).parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_session_tells_how_it_is_encrypted() {
        let row = |name: &str, value: &str| vec![Some(name.to_owned()), Some(value.to_owned())];
        let rows = [
            row("Ssl_cipher", "TLS_AES_256_GCM_SHA384"),
            row("Ssl_server_not_after", "Nov  9 17:05:09 2027 GMT"),
            row("Ssl_version", "TLSv1.3"),
        ];
        let read = encryption(&rows);
        assert_eq!((read.version.as_str(), read.cipher.as_str()), ("TLS 1.3", "TLS_AES_256_GCM_SHA384"));
        let expires = read.chain[0].expires.unwrap();
        assert_eq!(humantime::format_rfc3339_seconds(expires).to_string(), "2027-11-09T17:05:09Z");
        assert_eq!(encryption(&[row("Ssl_cipher", "")]), Encryption::default());
    }
}
