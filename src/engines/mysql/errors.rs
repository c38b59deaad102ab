//! What the numbers of the servers' errors mean (MySQL manual, "Server Error Message Reference"; MariaDB, "Error Codes").
//! The SQLSTATE is no help: HY000 stands for most of them.

use crate::base::fault::{Class, Condition, Limit};

/// The class of an error, and the closer reason where a step decides by it. Some numbers have several meanings, which only
/// the text tells apart.
pub(crate) fn meaning(number: u16, message: &str) -> (Class, Option<Condition>) {
    let class = match number {
        // ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS; memory, disk, files, locks of the server.
        1040 | 1203 | 1021 | 1037 | 1038 | 1041 | 1114 | 1135 | 1206 => Class::Busy,
        // ER_USER_LIMIT_REACHED also limits the queries and updates of an hour, which no retry of ours mends.
        1226 if message.contains("max_user_connections") => Class::Busy,
        1226 => Class::Limit(Limit::Configured),
        // The server shuts down, or has ended the session: killed, idle for too long.
        1053 | 1077..=1080 | 1152 | 1158..=1161 | 1184 | 1927 | 3169 | 4031 => Class::Unreachable,
        // Galera: the node is not ready.
        1047 if message.contains("WSREP") => Class::Starting,
        // ER_OPTION_PREVENTS_STATEMENT is also about --secure-file-priv and others.
        1290 if message.contains("read-only") || message.contains("read_only") => Class::ReadOnly,
        1792 if message.contains("READ ONLY") => Class::ReadOnly,
        1836 | 3100 | 3101 => Class::ReadOnly,
        1045 | 1129 | 1130 | 1251 | 1275 | 1698 | 3118 | 4151 | 1820 | 1862 => Class::Authentication,
        3159 => Class::Tls,
        1049 => Class::NoDatabase,
        1044 | 1142 | 1143 | 1227 | 1370 | 1419 | 1410 | 1095 => Class::Privilege,
        // The wait for a row or for a table's metadata, a deadlock, a conflict in Galera or Group Replication.
        1205 | 1213 | 3572 => Class::LockTimeout,
        1317 => Class::Cancelled,
        // max_execution_time (MySQL), max_statement_time (MariaDB).
        3024 | 1969 => Class::Limit(Limit::Statement),
        _ => Class::Statement,
    };
    (class, condition(number))
}

fn condition(number: u16) -> Option<Condition> {
    Some(match number {
        1007 | 1062 | 1586 => Condition::AlreadyExists,
        1044 => Condition::MayNotConnect,
        1046 => Condition::NoSchema,
        1054 => Condition::NoColumn,
        1129 => Condition::HostBlocked,
        1146 => Condition::NoTable,
        1130 => Condition::NotAdmitted,
        3159 => Condition::NotAdmittedPlain,
        1251 | 1275 | 1698 => Condition::OtherMethod,
        3118 | 4151 => Condition::NoLogin,
        1820 | 1862 => Condition::PasswordExpired,
        _ => return None,
    })
}

/// The server looks at a statement before it does anything: an error of this number has left nothing, of any
/// statement. Syntax, names, rights, a wait for a lock, a server that takes no writes.
pub(crate) fn did_nothing(code: Option<&str>) -> bool {
    let numbers =
        ["1044", "1049", "1054", "1064", "1065", "1142", "1143", "1146", "1205", "1213", "1227", "1290", "1370"];
    code.is_some_and(|code| numbers.contains(&code))
}

/// After these the server has ended the session.
pub(crate) fn ends_session(number: u16) -> bool {
    matches!(number, 1053 | 1077..=1080 | 1152 | 1158..=1161 | 1184 | 1927 | 3169 | 4031)
}

/// An error that the driver itself reports while it logs in: its class and a text that says what to do about it.
pub(crate) fn of_driver(text: &str) -> (Class, Option<Condition>, String) {
    if let Some((_, plugin)) = text.split_once("unknown authentication plugin: ") {
        let text = format!(
            "the account, or the server by default, wants the authentication plugin {plugin}, which doorstep does not know \
             (it knows mysql_native_password, caching_sha2_password, and with TLS sha256_password and mysql_clear_password)"
        );
        return (Class::Authentication, Some(Condition::OtherMethod), text);
    }
    if text.contains("mysql_cleartext_plugin") || text.contains("mysql_clear_password") {
        let text = "the server asks for the password in clear text (mysql_clear_password: IAM, LDAP, PAM), which doorstep sends \
                    only over a connection with a verified certificate";
        return (Class::Tls, Some(Condition::NotAdmittedPlain), text.to_owned());
    }
    if text.contains("rsa") || text.contains("RSA") {
        let text = "the server does not have the password in its cache (caching_sha2_password), so that the whole login is \
                    needed, which doorstep makes over TLS only";
        return (Class::Tls, Some(Condition::NotAdmittedPlain), text.to_owned());
    }
    (Class::Unreachable, None, text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_its_meaning() {
        use Class::{
            Authentication, Busy, Cancelled, LockTimeout, NoDatabase, Privilege, ReadOnly, Starting, Statement,
        };
        for (number, message, class, condition) in [
            (1040, "Too many connections", Busy, None),
            (1203, "User u already has more than 'max_user_connections' active connections", Busy, None),
            (1226, "User 'u' has exceeded the 'max_user_connections' resource (current value: 1)", Busy, None),
            (1226, "User 'u' has exceeded the 'max_queries_per_hour' resource", Class::Limit(Limit::Configured), None),
            (1129, "Host 'h' is blocked", Authentication, Some(Condition::HostBlocked)),
            (1130, "Host 'h' is not allowed to connect", Authentication, Some(Condition::NotAdmitted)),
            (1045, "Access denied for user 'u'@'h' (using password: YES)", Authentication, None),
            (
                3159,
                "Connections using insecure transport are prohibited",
                Class::Tls,
                Some(Condition::NotAdmittedPlain),
            ),
            (3118, "Account is locked", Authentication, Some(Condition::NoLogin)),
            (4151, "Access denied, this account is locked", Authentication, Some(Condition::NoLogin)),
            (1820, "You must SET PASSWORD before", Authentication, Some(Condition::PasswordExpired)),
            (1862, "Your password has expired", Authentication, Some(Condition::PasswordExpired)),
            (1698, "Access denied for user 'root'@'localhost'", Authentication, Some(Condition::OtherMethod)),
            (1049, "Unknown database 'x'", NoDatabase, None),
            (1044, "Access denied for user to database 'x'", Privilege, Some(Condition::MayNotConnect)),
            (1053, "Server shutdown in progress", Class::Unreachable, None),
            (1927, "Connection was killed", Class::Unreachable, None),
            (1047, "WSREP has not yet prepared node for application use", Starting, None),
            (1047, "Unknown command", Statement, None),
            (1158, "Got an error reading communication packets", Class::Unreachable, None),
            (1153, "Got a packet bigger than 'max_allowed_packet' bytes", Statement, None),
            (1205, "Lock wait timeout exceeded", LockTimeout, None),
            (1213, "Deadlock found", LockTimeout, None),
            (1290, "The MariaDB server is running with the --read-only option", ReadOnly, None),
            (1290, "The server is running with the --secure-file-priv option", Statement, None),
            (1836, "Running in read-only mode", ReadOnly, None),
            (1142, "CREATE command denied", Privilege, None),
            (1227, "you need (at least one of) the SUPER privilege(s)", Privilege, None),
            (1317, "Query execution was interrupted", Cancelled, None),
            (1105, "direct DDL is disabled", Statement, None),
            (1969, "max_statement_time exceeded", Class::Limit(Limit::Statement), None),
            (4166, "The used command is not allowed", Statement, None),
            (1007, "Can't create database 'x'; database exists", Statement, Some(Condition::AlreadyExists)),
            (1050, "Table 't' already exists", Statement, None),
            (1054, "Unknown column 'c'", Statement, Some(Condition::NoColumn)),
            (1064, "You have an error in your SQL syntax", Statement, None),
        ] {
            assert_eq!(meaning(number, message), (class, condition), "{number} {message}");
        }
    }

    #[test]
    fn what_the_driver_says_about_a_login_is_explained() {
        let (class, condition, text) = of_driver("unknown authentication plugin: client_ed25519");
        assert_eq!((class, condition), (Class::Authentication, Some(Condition::OtherMethod)));
        assert!(text.contains("client_ed25519"), "{text}");
        assert_eq!(of_driver("expected to read 4 bytes, got 0 bytes at EOF").0, Class::Unreachable);
    }
}
