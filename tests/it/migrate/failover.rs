//! Failover: the primary dies while a migration runs, and the standby takes over. Both are in the URL.

use crate::support::{Cluster, PASSWORD, Project, Running, psql, session, until};

/// Two servers with streaming replication, and a start whose second migration waits for a lock on the primary.
struct Failover {
    primary: Cluster,
    standby: Cluster,
    start: Running,
}

impl Failover {
    /// Returns when the second migration waits, and the standby has replayed all that is committed.
    fn during_a_migration(parameters: &str) -> Self {
        let primary = Cluster::started("wal_level = replica\nmax_wal_senders = 4\n");
        let standby = primary.started_standby();
        let project = Project::new()
            .migration("1_first", "CREATE TABLE first (id integer PRIMARY KEY); INSERT INTO first VALUES (1);")
            .migration(
                "2_second",
                "INSERT INTO first VALUES (2); SELECT pg_advisory_xact_lock(5); CREATE TABLE second ();",
            )
            .migration("3_third", "INSERT INTO first VALUES (3);");
        let hosts = format!("127.0.0.1:{},127.0.0.1:{}", primary.port, standby.port);
        let url = format!("postgresql://postgres:{PASSWORD}@{hosts}/postgres{parameters}");
        let mut holder = session(primary.port, "postgres", "SELECT pg_advisory_lock(5); SELECT pg_sleep(600)");
        let count = |sql: &str| psql(primary.port, "postgres", &format!("SELECT count(*) FROM {sql}"));
        let lock = "pg_locks WHERE locktype = 'advisory' AND objid = 5 AND";
        until("the lock is held", || (count(&format!("{lock} granted")) == "1").then_some(()));
        let start = project.doorstep(&url, &["run", "--wait-timeout", "60s", "--", "echo", "up"]).spawn();
        until("the second migration waits", || (count(&format!("{lock} NOT granted")) == "1").then_some(()));
        let replayed = "pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()";
        until("the standby has replayed everything", || (count(replayed) == "1").then_some(()));
        // As when the machine dies: without a checkpoint. The holder's session must not end before the others do.
        assert!(primary.pg_ctl("stop").args(["-m", "immediate", "-w"]).status().unwrap().success());
        holder.child.kill().unwrap();
        Self { primary, standby, start }
    }

    fn promote(&self) {
        assert!(self.standby.pg_ctl("promote").status().unwrap().success());
    }

    /// Every migration is applied once, on the server that was the standby.
    fn ends_well(self) {
        self.start.finish("run").code(0).stdout_is("up");
        let look = |sql: &str| psql(self.standby.port, "postgres", sql);
        assert_eq!(look("SELECT string_agg(id::text, ',' ORDER BY id) FROM first"), "1,2,3");
        let applied = "SELECT migration_name, count(finished_at) FROM _prisma_migrations GROUP BY 1 ORDER BY 1";
        assert_eq!(look(applied), "1_first|1\n2_second|1\n3_third|1");
        drop(self.primary);
    }
}

#[test]
fn a_start_goes_on_at_the_promoted_standby() {
    let mut failover = Failover::during_a_migration("");
    failover.start.until_stderr("waiting again");
    failover.promote();
    failover.ends_well();
}

#[test]
fn a_start_waits_for_a_standby_that_is_promoted_later() {
    for parameters in ["?target_session_attrs=read-write", "?target_session_attrs=primary"] {
        let mut failover = Failover::during_a_migration(parameters);
        // The lost connection, then the standby's answer.
        failover.start.until_stderr("waiting again");
        failover.start.until_stderr("recovery");
        failover.promote();
        failover.ends_well();
    }
}
