//! The way to the hosts of a target, part by part ([`crate::engines::trace`]). Each host gets a connection of its own, which ends
//! before the login.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::base::fault::{Class, Fault};
use crate::engines::net::silent;
use crate::engines::net::tls::{self, TlsMode};
use crate::engines::net::trace::{reach, reach_socket};
use crate::engines::postgres::conninfo::{Host, Target};
use crate::engines::postgres::dial::{Negotiated, encrypt, request};
use crate::engines::trace::{Certificate, HostTrace, Proof, TlsOutcome, TlsTrace, Trace};

/// Tries all hosts, one after the other; no step takes longer than `limit`.
pub(crate) async fn trace(target: &Target, limit: Duration) -> Trace {
    let mut hosts = Vec::new();
    for host in &target.hosts {
        hosts.push(trace_host(target, host, limit).await);
    }
    Trace::Hosts(hosts)
}

async fn trace_host(target: &Target, host: &Host, limit: Duration) -> HostTrace {
    if host.is_socket() {
        let path = format!("{}/.s.PGSQL.{}", host.name, host.port);
        let contacts = vec![reach_socket(&path, host.to_string(), limit).await];
        let tls = tls_trace(target.tls.mode, TlsOutcome::Socket);
        return HostTrace { host: host.to_string(), resolved: None, contacts, tls };
    }
    let reached = reach(&host.name, host.address, host.port, limit).await;
    let outcome = match (target.tls.mode, reached.stream) {
        (TlsMode::Disable | TlsMode::Allow, _) => TlsOutcome::Off,
        (_, None) => TlsOutcome::Untried,
        (_, Some(stream)) => encrypted(stream, target, host, limit).await,
    };
    let tls = tls_trace(target.tls.mode, outcome);
    HostTrace { host: host.to_string(), resolved: reached.resolved, contacts: reached.contacts, tls }
}

async fn encrypted(stream: TcpStream, target: &Target, host: &Host, limit: Duration) -> TlsOutcome {
    let place = stream.peer_addr();
    let negotiated = tokio::time::timeout(limit, encrypt(stream, target, host)).await;
    match negotiated.unwrap_or_else(|_| Err(silent(limit))) {
        Ok(Negotiated::Plain(_)) => TlsOutcome::NotOffered,
        Ok(Negotiated::Encrypted(stream)) => TlsOutcome::Encrypted(tls::encryption(&stream)),
        Err(fault) if fault.class == Class::Tls => {
            let shown = async {
                let mut stream = TcpStream::connect(place.ok()?).await.ok()?;
                let agrees = request(&mut stream, target, host).await.is_ok_and(|agrees| agrees);
                Some(if agrees { tls::shown_certificates(stream, &target.tls, &host.name).await } else { Vec::new() })
            };
            let shown = tokio::time::timeout(limit, shown).await.ok().flatten();
            failed(fault, shown.unwrap_or_default())
        }
        Err(fault) => failed(fault, Vec::new()),
    }
}

fn failed(fault: Fault, chain: Vec<Certificate>) -> TlsOutcome {
    TlsOutcome::Failed(fault, chain)
}

fn tls_trace(mode: TlsMode, outcome: TlsOutcome) -> TlsTrace {
    let (name, proof) = match mode {
        TlsMode::Disable => ("disable", Proof::Nothing),
        TlsMode::Allow => ("allow", Proof::Nothing),
        TlsMode::Prefer => ("prefer", Proof::Nothing),
        TlsMode::Require => ("require", Proof::Nothing),
        TlsMode::VerifyCa => ("verify-ca", Proof::Authority),
        TlsMode::VerifyFull => ("verify-full", Proof::Host),
    };
    let is_optional = matches!(mode, TlsMode::Disable | TlsMode::Allow | TlsMode::Prefer);
    let strictest = "sslmode=verify-full and sslrootcert";
    TlsTrace { setting: format!("sslmode={name}"), strictest, proof, is_optional, outcome }
}
