//! The way to a server, up to the socket ([`crate::engines::trace`]). How the connection is encrypted is asked of the session
//! ([`inspector`](super::inspector)), because the driver does the handshake.

use std::time::Duration;

use crate::base::plain_name::shown_path;
use crate::engines::mysql::Target;
use crate::engines::mysql::conninfo::TlsMode;
use crate::engines::net::trace::{reach, reach_socket};
use crate::engines::trace::{HostTrace, Proof, TlsOutcome, TlsTrace, Trace};

/// Tries the host; no step takes longer than `limit`.
pub(crate) async fn trace(target: &Target, limit: Duration) -> Trace {
    if let Some(socket) = &target.socket {
        let contacts = vec![reach_socket(&socket.to_string_lossy(), shown_path(socket), limit).await];
        let tls = tls_trace(target.tls, TlsOutcome::Socket);
        return Trace::Hosts(vec![HostTrace { host: shown_path(socket), resolved: None, contacts, tls }]);
    }
    let reached = reach(&target.host, None, target.port, limit).await;
    let outcome = if target.tls == TlsMode::Disabled { TlsOutcome::Off } else { TlsOutcome::Untried };
    let host = match target.host.contains(':') {
        true => format!("[{}]:{}", target.host, target.port),
        false => format!("{}:{}", target.host, target.port),
    };
    let tls = tls_trace(target.tls, outcome);
    Trace::Hosts(vec![HostTrace { host, resolved: reached.resolved, contacts: reached.contacts, tls }])
}

fn tls_trace(mode: TlsMode, outcome: TlsOutcome) -> TlsTrace {
    let (name, proof) = match mode {
        TlsMode::Disabled => ("DISABLED", Proof::Nothing),
        TlsMode::Preferred => ("PREFERRED", Proof::Nothing),
        TlsMode::Required => ("REQUIRED", Proof::Nothing),
        TlsMode::VerifyCa => ("VERIFY_CA", Proof::Authority),
        TlsMode::VerifyIdentity => ("VERIFY_IDENTITY", Proof::Host),
    };
    let is_optional = matches!(mode, TlsMode::Disabled | TlsMode::Preferred);
    let strictest = "ssl-mode=VERIFY_IDENTITY and ssl-ca";
    TlsTrace { setting: format!("ssl-mode={name}"), strictest, proof, is_optional, outcome }
}
