//! Judges the way to a session: settings, names, sockets, TLS, login, what the server is. Pure.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::base::error::Code;
use crate::base::fault::{Class, Fault};
use crate::base::log::millis;
use crate::engines::inspector::LoginMethod;
use crate::engines::trace::{Certificate, Encryption, HostTrace, Proof, TlsOutcome, Trace};
use crate::inspect::doctor::facts::{Answer, Facts, LoggedIn, NamedDatabase, Refusal};
use crate::inspect::doctor::{Line, Stage, file};

/// How long a name may take to resolve before it is odd: doorstep's own resolver starts then beside the C library's.
const SLOW_NAME: Duration = Duration::from_secs(1);

/// An address that fails later than this costs a start time: until then no other one is tried (`engines/net/dial.rs`).
const HEAD_START: Duration = Duration::from_millis(250);

/// A certificate that ends to be valid within this time is odd.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// The lines from the settings to what the server is.
pub(crate) fn lines(facts: &Facts) -> Vec<Line> {
    let mut lines = vec![settings(facts)];
    match &facts.way {
        None => {
            let skipped = [Stage::Names, Stage::Tcp, Stage::Tls, Stage::Login, Stage::Server, Stage::Writes];
            lines.extend(skipped.map(|stage| Line::skipped(stage, "needs a database to be named")));
        }
        Some(Trace::File(trace)) => {
            lines.extend(file::lines(trace));
            lines.extend(session(facts, Stage::File));
            lines.extend(file::journal(&facts.server.journal));
        }
        Some(Trace::Hosts(hosts)) => {
            lines.extend([names(hosts), tcp(hosts), tls(hosts, facts, SystemTime::now())]);
            let is_reached = hosts.iter().flat_map(|host| &host.contacts).any(|contact| contact.result.is_ok());
            lines.extend(session(facts, if is_reached { Stage::Tls } else { Stage::Tcp }));
        }
    }
    lines
}

fn settings(facts: &Facts) -> Line {
    let database = match &facts.database {
        Ok(database) => database,
        Err(problem) => return Line::broken(Stage::Settings, &problem.text, problem.code),
    };
    let NamedDatabase { address, origin, role, acting_role, warnings, .. } = database;
    let mut message = format!("{origin} names {address}");
    if let Some(role) = role {
        let _ = write!(message, " as {role}");
    }
    if let Some(acting) = acting_role {
        let _ = write!(message, ", acting as {acting}");
    }
    let line = match warnings.is_empty() {
        true => Line::ok(Stage::Settings, message),
        false => Line::odd(Stage::Settings, format!("{message}\n{}", warnings.join("\n")))
            .next("take the parameters that have no effect out of the URL"),
    };
    line.fact("origin", origin.as_str()).fact("address", address.as_str()).fact("role", role.as_deref())
}

fn names(hosts: &[HostTrace]) -> Line {
    let (mut texts, mut found, mut failed, mut slow) = (Vec::new(), 0, 0, false);
    let mut addresses = Vec::new();
    for HostTrace { host, resolved, .. } in hosts {
        let Some(resolved) = resolved else {
            found += 1;
            continue;
        };
        let took = resolved.took;
        slow |= took >= SLOW_NAME;
        match &resolved.addresses {
            Ok(list) => {
                found += 1;
                let list: Vec<String> = list.iter().map(ToString::to_string).collect();
                texts.push(format!("{host}: {} in {}", list.join(", "), duration(took)));
                addresses.push(json!({ "host": host, "addresses": list, "ms": millis(took) }));
            }
            Err(why) => {
                failed += 1;
                texts.push(format!("{host}: {why}"));
                addresses.push(json!({ "host": host, "error": why, "ms": millis(took) }));
            }
        }
    }
    let text = if texts.is_empty() { "nothing to resolve".to_owned() } else { texts.join("\n") };
    let next = "correct the host of the URL, or check the nameservers of /etc/resolv.conf from here";
    let line = match (found, failed, slow) {
        (0, ..) => Line::broken(Stage::Names, text, Code::Unavailable as u8).next(next),
        (_, 1.., _) => Line::odd(Stage::Names, text).next(next),
        (_, _, true) => Line::odd(Stage::Names, text).next("check the nameservers: each start waits for them"),
        _ => Line::ok(Stage::Names, text),
    };
    line.fact("hosts", addresses)
}

fn tcp(hosts: &[HostTrace]) -> Line {
    let contacts: Vec<_> = hosts.iter().flat_map(|host| &host.contacts).collect();
    if contacts.is_empty() {
        return Line::skipped(Stage::Tcp, "needs an address");
    }
    let text = contacts.iter().map(|contact| match &contact.result {
        Ok(()) => format!("{} in {}", contact.address, duration(contact.took)),
        // The fault of a socket names its path.
        Err(fault) if contact.address.starts_with('/') => fault.to_string(),
        Err(fault) => format!("{}: {fault}", contact.address),
    });
    let text = text.collect::<Vec<_>>().join("\n");
    let is_reached = contacts.iter().any(|contact| contact.result.is_ok());
    let delays = contacts.iter().any(|contact| contact.result.is_err() && contact.took >= HEAD_START);
    let line = match (is_reached, delays) {
        (false, _) => Line::broken(Stage::Tcp, text, Code::Unavailable as u8)
            .next("check that the server runs and listens there, and that no firewall or network policy is in between"),
        (true, true) => Line::odd(Stage::Tcp, text)
            .next("let the name lead to addresses that answer: a start loses time with the others"),
        (true, false) => Line::ok(Stage::Tcp, text),
    };
    let told = contacts.iter().map(|contact| match &contact.result {
        Ok(()) => json!({ "address": contact.address, "ms": contact.took.as_secs_f64() * 1000.0 }),
        Err(fault) => json!({ "address": contact.address, "error": fault.to_string() }),
    });
    line.fact("addresses", told.collect::<Vec<Value>>())
}

/// The encryption of the first host that answered. What the session tells counts where the handshake is the driver's.
fn tls(hosts: &[HostTrace], facts: &Facts, now: SystemTime) -> Line {
    let answers = |host: &&HostTrace| host.contacts.iter().any(|contact| contact.result.is_ok());
    let Some(host) = hosts.iter().find(answers) else { return Line::skipped(Stage::Tls, "needs a connection") };
    let told = match &facts.server.encryption {
        Answer::Told(encryption) => Some(encryption),
        _ => None,
    };
    let is_local = host.contacts.iter().all(|contact| contact.is_local);
    let trace = &host.tls;
    let line = match (&trace.outcome, told) {
        (TlsOutcome::Socket, _) => Line::ok(Stage::Tls, "a Unix socket needs none"),
        (TlsOutcome::Encrypted(encryption), _) => encrypted(host, encryption, now),
        (TlsOutcome::Untried, Some(encryption)) if !encryption.version.is_empty() => encrypted(host, encryption, now),
        (TlsOutcome::Untried, None) => untold(facts),
        (TlsOutcome::Failed(fault, chain), _) => failed(host, fault, chain),
        (TlsOutcome::Off | TlsOutcome::NotOffered | TlsOutcome::Untried, _) => {
            let why = match trace.outcome {
                TlsOutcome::Off => "",
                _ => ": the server offers none",
            };
            let text = format!("not encrypted ({}){why}", trace.setting);
            match is_local {
                true => Line::ok(Stage::Tls, format!("{text}; it does not leave this machine")),
                false => Line::odd(Stage::Tls, format!("{text}: everybody on the way can read along"))
                    .next(format!("turn TLS on at the server, and give {} in the URL", trace.strictest)),
            }
        }
    };
    let proves = match trace.proof {
        Proof::Nothing => "nothing",
        Proof::Authority => "authority",
        Proof::Host => "host",
    };
    line.fact("setting", trace.setting.as_str()).fact("proves", proves)
}

/// The driver does the handshake, and there is no session that could tell about it.
fn untold(facts: &Facts) -> Line {
    match &facts.login {
        Some(Err(Refusal { fault, remedy, code })) if fault.class == Class::Tls => {
            let line = Line::broken(Stage::Tls, fault.to_string(), *code);
            remedy.iter().fold(line, |line, remedy| line.next(remedy))
        }
        Some(Ok(_)) => Line::unknown(Stage::Tls, "the server does not tell whether the session is encrypted"),
        _ => Line::skipped(Stage::Tls, "needs a login: the handshake is part of it"),
    }
}

fn encrypted(host: &HostTrace, encryption: &Encryption, now: SystemTime) -> Line {
    let trace = &host.tls;
    let proof = match trace.proof {
        Proof::Nothing => "proves nothing about the server",
        Proof::Authority => "proves that a trusted authority signed the certificate, not for which host",
        Proof::Host => "proves the host",
    };
    let mut text = format!("{}, {}; {} {proof}", encryption.version, encryption.cipher, trace.setting);
    let own = encryption.chain.first();
    for certificate in &encryption.chain {
        let _ = write!(text, "\ncertificate {}", shown(certificate, now));
    }
    let ends = own.and_then(|own| own.expires);
    let is_over = ends.is_some_and(|ends| ends <= now);
    let is_soon = ends.is_some_and(|ends| ends <= now + SOON);
    let is_remote = host.contacts.iter().any(|contact| !contact.is_local);
    let line = match (is_over || is_soon, trace.proof) {
        (true, _) => Line::odd(Stage::Tls, text).next("renew the server's certificate"),
        (_, Proof::Nothing) if is_remote => Line::odd(Stage::Tls, text)
            .next(format!("give {} in the URL, so that no other machine can pass for the server", trace.strictest)),
        _ => Line::ok(Stage::Tls, text),
    };
    let chain = encryption.chain.iter().map(|certificate| {
        json!({ "subject": certificate.subject, "issuer": certificate.issuer, "expires": certificate.expires.map(date) })
    });
    let chain: Vec<Value> = chain.collect();
    line.fact("version", encryption.version.as_str())
        .fact("cipher", encryption.cipher.as_str())
        .fact("certificates", chain)
}

/// A handshake that failed. What it would have proved, the certificate only says.
fn failed(host: &HostTrace, fault: &Fault, chain: &[Certificate]) -> Line {
    let now = SystemTime::now();
    let mut text = fault.to_string();
    for certificate in chain {
        let _ = write!(text, "\nthe server shows the certificate {}", shown(certificate, now));
    }
    let code = if fault.class == Class::Tls { Code::Settings } else { Code::Unavailable };
    match (host.tls.is_optional, fault.class) {
        (true, Class::Tls) => Line::odd(Stage::Tls, format!("{text}\n{} goes on without TLS", host.tls.setting))
            .next(format!("mend the server's TLS, and give {} in the URL", host.tls.strictest)),
        (_, Class::Tls) => Line::broken(Stage::Tls, text, code as u8)
            .next("give the root of that certificate's issuer in the URL, or let the server show another certificate"),
        _ => Line::broken(Stage::Tls, text, code as u8)
            .next("check what listens there, and whether a proxy stands before a server that is not running"),
    }
}

/// `CN=db.example by CN=ca, until 2027-11-29 (365 days)`
fn shown(certificate: &Certificate, now: SystemTime) -> String {
    let mut text = certificate.subject.clone().unwrap_or_default();
    if let Some(issuer) = &certificate.issuer {
        let by = if Some(issuer) == certificate.subject.as_ref() { "itself" } else { issuer };
        let _ = write!(text, " by {by},");
    }
    if let Some(ends) = certificate.expires {
        let days = |span: Duration| span.as_secs() / 86_400;
        let left = match ends.duration_since(now) {
            Ok(left) => format!("{} days left", days(left)),
            Err(since) => format!("ended {} days ago", days(since.duration())),
        };
        let _ = write!(text, " until {} ({left})", date(ends));
    }
    text.trim_start().to_owned()
}

fn date(time: SystemTime) -> String {
    // Certificates may last longer than the library's calendar.
    let last = humantime::parse_rfc3339("9999-12-31T00:00:00Z").unwrap_or(time);
    humantime::format_rfc3339_seconds(time.min(last)).to_string().chars().take(10).collect()
}

/// The login, what the server is, and whether it takes writes. `before` is the part that the login depends on.
fn session(facts: &Facts, before: Stage) -> Vec<Line> {
    let skipped = [Stage::Server, Stage::Writes];
    match &facts.login {
        None => {
            let needs = format!("needs {}", before.name());
            let after = skipped.map(|stage| Line::skipped(stage, "needs a login"));
            std::iter::once(Line::skipped(Stage::Login, needs)).chain(after).collect()
        }
        Some(Err(Refusal { fault, remedy, code })) => {
            let line = Line::broken(Stage::Login, fault.to_string(), *code).fact("code", fault.code.as_deref());
            let line = remedy.iter().fold(line, |line, remedy| line.next(remedy));
            std::iter::once(line).chain(skipped.map(|stage| Line::skipped(stage, "needs a login"))).collect()
        }
        Some(Ok(session)) => vec![login(session, facts), server(session), writes(session)],
    }
}

fn login(session: &LoggedIn, facts: &Facts) -> Line {
    let is_remote = match &facts.way {
        Some(Trace::Hosts(hosts)) => hosts.iter().flat_map(|host| &host.contacts).any(|contact| !contact.is_local),
        _ => false,
    };
    let is_plain = session.facts.is_encrypted == Some(false) && is_remote;
    let (how, next) = match session.facts.method {
        None => (None, None),
        Some(LoginMethod::Nothing) => {
            let certified = "the server asked for no password (trust, or a certificate)";
            (
                Some(certified),
                is_remote.then_some("let pg_hba.conf ask for scram-sha-256, unless a certificate proves the role"),
            )
        }
        Some(LoginMethod::Cleartext) => {
            let next = is_plain.then_some("encrypt the connection, or let pg_hba.conf ask for scram-sha-256");
            (Some("the password as it is"), next)
        }
        Some(LoginMethod::Md5) => {
            let next = "set password_encryption = 'scram-sha-256', and give the role its password anew";
            (Some("MD5"), Some(next))
        }
        Some(LoginMethod::Scram) => (Some("SCRAM-SHA-256"), None),
        Some(LoginMethod::ScramBound) => (Some("SCRAM-SHA-256, bound to the server's certificate"), None),
    };
    let whom = if session.role.is_empty() { "opened".to_owned() } else { format!("as {}", session.role) };
    let text = how.map_or(whom.clone(), |how| format!("{whom}: {how}"));
    let line = match next {
        Some(next) => Line::odd(Stage::Login, text).next(next),
        None => Line::ok(Stage::Login, text),
    };
    line.fact("role", session.role.as_str()).fact("method", how).fact("encrypted", session.facts.is_encrypted)
}

fn server(session: &LoggedIn) -> Line {
    let line = match session.facts.is_lookalike {
        true => Line::odd(
            Stage::Server,
            format!("{}, whose session locks are not known to exclude other sessions", session.server),
        )
        .next("migrate in one place, with a tool made for it, and start the service with --migrate await or --migrate off"),
        false => Line::ok(Stage::Server, &session.server),
    };
    line.fact("server", session.server.as_str())
}

fn writes(session: &LoggedIn) -> Line {
    match &session.read_only {
        None => Line::ok(Stage::Writes, "accepted").fact("read_only", false),
        Some(fault) => Line::broken(Stage::Writes, &fault.message, Code::Unavailable as u8)
            .next("let the URL lead to the server that takes writes; a start waits for it")
            .fact("read_only", true),
    }
}

/// `0.4ms`, `12ms`: shorter times than those of the log.
fn duration(took: Duration) -> String {
    match took.as_secs_f64() * 1000.0 {
        millis if millis < 10.0 => format!("{millis:.1}ms"),
        _ => crate::base::log::seconds(took),
    }
}

#[cfg(test)]
mod tests;
