//! The `application_name` of a session: which process it is and what it is doing, for `pg_stat_activity` and the messages
//! of other replicas.

use crate::base::environment::Environment;

/// PostgreSQL cuts names after this many bytes (NAMEDATALEN - 1).
const LIMIT: usize = 63;

/// A migration's name is never cut below this length in favour of the pod's name: its date and first words remain.
const LEAST: usize = 30;

/// What the sessions of child processes are called: [`ApplicationName::with`] and the setting that names the command. A
/// regular expression, as POSIX and PostgreSQL write them.
#[cfg(feature = "postgres")]
pub(crate) const OF_CHILDREN: &str = "^doorstep( .*)? (migrate_command|before_migrate|after_migrate)$";

/// This process: `doorstep`, and the pod or host it runs in.
#[derive(Debug, Clone, Default)]
pub(crate) struct ApplicationName {
    pod: String,
}

impl ApplicationName {
    /// From `POD_NAME` (the downward API's usual name), else `HOSTNAME`.
    #[must_use]
    pub(crate) fn of_process(environment: &Environment) -> Self {
        let pod = environment.get("POD_NAME").or_else(|| environment.get("HOSTNAME")).unwrap_or_default();
        Self { pod: pod.to_owned() }
    }

    /// `doorstep web-7d9f8-x2x4q 20260101120000_add_users`, cut to fit. A pod's name is cut at its beginning, because its
    /// end distinguishes it from the other pods; a migration's at its end. With an empty `migration`, the name ends with
    /// the pod's.
    #[must_use]
    pub(crate) fn with(&self, migration: &str) -> String {
        let room = LIMIT - "doorstep".len();
        let for_migration = room.saturating_sub(self.pod.len() + 2).max(LEAST);
        let migration = &migration[..migration.floor_char_boundary(for_migration)];
        let spaces = usize::from(!self.pod.is_empty()) + usize::from(!migration.is_empty());
        let for_pod = room - migration.len() - spaces;
        let pod = &self.pod[self.pod.ceil_char_boundary(self.pod.len().saturating_sub(for_pod))..];
        ["doorstep", pod, migration].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(pod: &str, migration: &str) -> String {
        ApplicationName { pod: pod.to_owned() }.with(migration)
    }

    #[test]
    fn a_label_fits_and_keeps_what_tells_one_from_another() {
        assert_eq!(label("", ""), "doorstep");
        assert_eq!(label("web-1", ""), "doorstep web-1");
        assert_eq!(label("", "1_a"), "doorstep 1_a");
        assert_eq!(label("web-1", "20260101120000_add_users"), "doorstep web-1 20260101120000_add_users");
        let long = label(&format!("{}-x2x4q", "a-very-long-deployment-name".repeat(2)), &"20260101120000_".repeat(9));
        assert!(long.len() <= LIMIT, "{long}");
        assert!(long.contains("-x2x4q 20260101120000_2026"), "{long}");
    }
}
