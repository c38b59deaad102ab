//! What a server says of itself, as far as doorstep treats it differently.

/// The kind of a server, and what it can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Server {
    is_vitess: bool,
    is_galera: bool,
}

impl Server {
    /// By `VERSION()`, `@@version_comment` and `@@wsrep_on` (MariaDB only).
    pub(crate) fn of(version: &str, comment: &str, wsrep: bool) -> Self {
        let text = format!("{version} {comment}").to_ascii_lowercase();
        Self {
            is_vitess: text.contains("vitess") || text.contains("planetscale"),
            is_galera: wsrep || text.contains("xtradb cluster"),
        }
    }

    /// Why a lock of this server would not exclude the other replicas.
    pub(crate) fn refuses_locks(self) -> Option<&'static str> {
        if self.is_vitess {
            return Some(
                "the server is Vitess (PlanetScale), which ends every lock after 20 s: replicas would not exclude each other\n\
                 next: apply the migrations with its own deploy requests, set migrate = off, and let doorstep wait and verify",
            );
        }
        self.is_galera.then_some(
            "the server is a node of a Galera cluster (wsrep_on), whose nodes do not share GET_LOCK: replicas on other nodes would \
             not be excluded\nnext: apply the migrations with another program on one node, set migrate = off, and let \
             doorstep wait and verify",
        )
    }
}

/// Product and version, for the log.
pub(crate) fn product(version: &str, comment: &str) -> String {
    let number = version.split('-').next().unwrap_or(version);
    // Old servers of MariaDB put a version of MySQL before their own.
    let number = if number == "5.5.5" { version.split('-').nth(1).unwrap_or(number) } else { number };
    match format!("{version} {comment}").to_ascii_lowercase() {
        text if text.contains("mariadb") => format!("MariaDB {number}"),
        text if text.contains("tidb") => format!("TiDB {version}"),
        text if text.contains("vitess") || text.contains("planetscale") => format!("Vitess {version}"),
        _ => format!("MySQL {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_whose_locks_exclude_nothing_are_known() {
        for (version, comment, wsrep, refused) in [
            ("10.11.19-MariaDB-0+deb12u1", "Debian 12", false, ""),
            ("10.11.19-MariaDB", "", true, "Galera"),
            ("8.0.36-28.1", "Percona XtraDB Cluster (GPL)", false, "Galera"),
            ("8.0.30-Vitess", "", false, "Vitess"),
            ("9.7.4", "MySQL Community Server", false, ""),
        ] {
            let text = Server::of(version, comment, wsrep).refuses_locks().unwrap_or_default();
            assert!(text.contains(refused) && text.is_empty() == refused.is_empty(), "{version}: {text}");
        }
    }

    #[test]
    fn a_product_has_a_number() {
        assert_eq!(product("10.11.19-MariaDB-0+deb12u1", "Debian 12"), "MariaDB 10.11.19");
        assert_eq!(product("5.5.5-10.3.39-MariaDB", ""), "MariaDB 10.3.39");
        assert_eq!(product("9.7.4", "(Debian)"), "MySQL 9.7.4");
    }
}
