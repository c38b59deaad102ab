//! Name resolution. The C library is asked first, since it reads /etc/hosts and the machine's configuration. But musl
//! asks all nameservers at once and uses the first answer, and treats a failed AAAA query as a failure of the name; both
//! cases occur in containers. So a small resolver follows: it asks one nameserver at a time, A and AAAA separately, and
//! NXDOMAIN for one family is no failure of the name (observed with podman's aardvark).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, Question, TYPE};
use tokio::net::UdpSocket;

/// How long the C library may take before the other resolver starts beside it; musl's own timeout is 5 s.
const HEAD_START: Duration = Duration::from_secs(1);

/// How long one nameserver may take for one question.
const PATIENCE: Duration = Duration::from_secs(2);

/// The addresses of `host`, in the order to try them; the error names what was asked.
pub(crate) async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let library = async {
        match tokio::net::lookup_host((host, port)).await {
            Ok(found) => Ok(found.collect::<Vec<_>>()),
            Err(error) => Err(error.to_string()),
        }
    };
    tokio::pin!(library);
    match tokio::time::timeout(HEAD_START, &mut library).await {
        Ok(Ok(found)) if !found.is_empty() => Ok(found),
        Ok(_) => ask_nameservers(host, port).await,
        // The C library is still waiting: the first resolver with an answer decides.
        Err(_) => {
            let mut why = String::new();
            tokio::select! {
                Ok(found) = &mut library => Ok(found),
                Ok(found) = async { ask_nameservers(host, port).await.map_err(|error| why = error) } => Ok(found),
                else => Err(why),
            }
        }
    }
}

async fn ask_nameservers(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let text = std::fs::read("/etc/resolv.conf").unwrap_or_default();
    let config = resolv_conf::Config::parse(&text).unwrap_or_default();
    let names = names_to_try(host, &config);
    let servers: Vec<SocketAddr> = config.nameservers.iter().map(|server| SocketAddr::new(server.into(), 53)).collect();
    // A nameserver that does not answer costs its timeout once, not for each name of the search list.
    let mut silent = Vec::new();
    for name in &names {
        for server in &servers {
            if silent.contains(server) {
                continue;
            }
            let (v4, v6) = tokio::join!(ask(*server, name, TYPE::A), ask(*server, name, TYPE::AAAA));
            if v4.is_none() && v6.is_none() {
                silent.push(*server);
            }
            let found: Vec<IpAddr> = v6.into_iter().chain(v4).flatten().collect();
            if !found.is_empty() {
                return Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect());
            }
        }
    }
    let servers: Vec<String> = servers.iter().map(|server| server.ip().to_string()).collect();
    Err(format!(
        "the name `{host}` does not resolve (asked {} for {})",
        if servers.is_empty() { "no nameserver".to_owned() } else { servers.join(", ") },
        names.join(", ")
    ))
}

/// The names to ask for, by the rules of resolv.conf(5): a name with enough dots is tried as it is before the search list.
fn names_to_try(host: &str, config: &resolv_conf::Config) -> Vec<String> {
    if let Some(absolute) = host.strip_suffix('.') {
        return vec![absolute.to_owned()];
    }
    let dots = host.matches('.').count();
    let searched = config.get_last_search_or_domain().map(|domain| format!("{host}.{domain}"));
    let searched = searched.map(|name| name.trim_end_matches('.').to_owned());
    let plain = std::iter::once(host.to_owned());
    match u32::try_from(dots).is_ok_and(|dots| dots >= config.ndots) {
        true => plain.chain(searched).collect(),
        false => searched.chain(plain).collect(),
    }
}

/// Asks one nameserver for one family of addresses; `None` when it does not answer, an empty list when it has none.
async fn ask(server: SocketAddr, name: &str, family: TYPE) -> Option<Vec<IpAddr>> {
    let id = (uuid::Uuid::new_v4().as_u128() & 0xffff).try_into().ok()?;
    let mut query = Packet::new_query(id);
    query.set_flags(simple_dns::PacketFlag::RECURSION_DESIRED);
    // With a search domain appended, a name can be too long to ask for.
    let Ok(name) = Name::new(name) else { return Some(Vec::new()) };
    let question = Question::new(name, family.into(), CLASS::IN.into(), false);
    query.questions.push(question);
    let bytes = query.build_bytes_vec().ok()?;
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind((any, 0)).await.ok()?;
    socket.connect(server).await.ok()?;
    socket.send(&bytes).await.ok()?;
    let mut buffer = [0; 4096];
    let length = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await.ok()?.ok()?;
    let answer = Packet::parse(&buffer[..length]).ok()?;
    if answer.id() != id {
        return None;
    }
    let address = |record: &simple_dns::ResourceRecord<'_>| match &record.rdata {
        RData::A(a) => Some(IpAddr::from(a.address.to_be_bytes())),
        RData::AAAA(aaaa) => Some(IpAddr::from(aaaa.address.to_be_bytes())),
        _ => None,
    };
    Some(answer.answers.iter().filter_map(address).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(host: &str) -> Vec<String> {
        let text = "nameserver 127.0.0.1\nsearch ns.svc.cluster.local cluster.local\noptions ndots:5";
        names_to_try(host, &resolv_conf::Config::parse(text).unwrap())
    }

    #[test]
    fn the_search_list_goes_first_for_short_names() {
        assert_eq!(tried("db"), ["db.ns.svc.cluster.local", "db.cluster.local", "db"]);
        assert_eq!(tried("db."), ["db"]);
        assert_eq!(tried("a.b.c.d.e.f")[0], "a.b.c.d.e.f");
    }
}
