//! The login: startup message, password, SCRAM with and without channel binding, as strict as libpq (PostgreSQL manual
//! 34.1.2, 55.2.1, 55.3; `fe-auth.c`).

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{SCRAM_SHA_256, SCRAM_SHA_256_PLUS};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;

use crate::base::fault::{Class, Fault};
use crate::base::secret::Secret;
use crate::engines::inspector::{LoginFacts, LoginMethod};
use crate::engines::postgres::client::CancelKey;
use crate::engines::postgres::client::frames::{Frame, Frames, Rows, fault_of, not_postgres};
use crate::engines::postgres::client::notices::Notices;
use crate::engines::postgres::client::scram::{ChannelBinding, ClientFirst};

/// libpq's `channel_binding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// Never.
    Disable,
    /// Where TLS and the server allow it; the default.
    Prefer,
    /// Without it there is no login.
    Require,
}

/// Ways to log in, as libpq's `require_auth` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// `password`: in plain text.
    Cleartext,
    /// `md5`
    Md5,
    /// `scram-sha-256`, with channel binding or without
    Scram,
    /// `gss`
    Gss,
    /// `sspi`
    Sspi,
    /// `oauth` (libpq 18)
    OAuth,
    /// `none`: the server asks for nothing (`trust`, a client certificate).
    Nothing,
}

/// libpq's `require_auth`: which ways to log in are acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequireAuth(pub(crate) Vec<Method>);

impl RequireAuth {
    const ALL: [(&'static str, Method); 7] = [
        ("password", Method::Cleartext),
        ("md5", Method::Md5),
        ("scram-sha-256", Method::Scram),
        ("gss", Method::Gss),
        ("sspi", Method::Sspi),
        ("oauth", Method::OAuth),
        ("none", Method::Nothing),
    ];

    /// `scram-sha-256,md5`, or `!password,!none`: all of them with an exclamation mark, or none, and each once (manual 34.1.2).
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut allowed, mut refused) = (Vec::new(), Vec::new());
        for word in text.split(',') {
            let (list, name) = match word.strip_prefix('!') {
                Some(name) => (&mut refused, name),
                None => (&mut allowed, word),
            };
            let known = Self::ALL.iter().find(|(known, _)| *known == name);
            let method = known.ok_or("require_auth names a method that is not known")?.1;
            if list.contains(&method) {
                return Err("require_auth names a method twice".to_owned());
            }
            list.push(method);
        }
        match (allowed.is_empty(), refused.is_empty()) {
            (false, false) => Err("require_auth mixes methods with `!` and without".to_owned()),
            (true, _) => Ok(Self(Self::ALL.map(|(_, it)| it).into_iter().filter(|it| !refused.contains(it)).collect())),
            (false, true) => Ok(Self(allowed)),
        }
    }

    fn check(required: Option<&Self>, method: Method) -> Result<(), Fault> {
        match required {
            Some(Self(allowed)) if !allowed.contains(&method) => {
                let asked = match method {
                    Method::Nothing => "the server asks for no authentication",
                    Method::Cleartext => "the server asks for the password in plain text",
                    Method::Md5 => "the server asks for MD5 authentication",
                    Method::Scram => "the server asks for SCRAM authentication",
                    Method::Gss => "the server asks for GSSAPI authentication",
                    Method::Sspi => "the server asks for SSPI authentication",
                    Method::OAuth => "the server asks for OAuth authentication",
                };
                Err(refused(&format!("{asked}, which require_auth does not allow")))
            }
            _ => Ok(()),
        }
    }
}

/// Who logs in, and how.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) database: &'a str,
    pub(crate) application_name: &'a str,
    /// `options`: settings of the session, as libpq passes them on.
    pub(crate) options: Option<&'a str>,
    /// `role`, the parameter of the session: what SET ROLE would set.
    pub(crate) acting_role: Option<&'a str>,
    pub(crate) password: Option<&'a Secret>,
    pub(crate) binding: Binding,
    pub(crate) require_auth: Option<&'a RequireAuth>,
}

/// What SCRAM can bind itself to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EndPoint {
    /// The connection is not encrypted.
    Plain,
    /// TLS, with a certificate whose signature algorithm names no hash.
    Unhashable,
    /// TLS, and the hash of the server's certificate (RFC 5929, tls-server-end-point).
    Hash(Vec<u8>),
}

/// A login that has succeeded.
pub(crate) struct LoggedIn {
    /// What a request to cancel needs.
    pub(crate) cancel_key: Option<CancelKey>,
    /// How it went.
    pub(crate) facts: LoginFacts,
}

/// Logs in, up to the first ReadyForQuery.
///
/// # Errors
/// What the server said; [`Class::Authentication`] for what libpq would not accept either.
pub(crate) async fn log_in(frames: &mut Frames, login: &Login<'_>, end_point: EndPoint) -> Result<LoggedIn, Fault> {
    let mut out = BytesMut::new();
    let mut pairs = vec![
        ("user", login.user),
        ("database", login.database),
        ("application_name", login.application_name),
        ("client_encoding", "UTF8"),
    ];
    pairs.extend(login.options.map(|options| ("options", options)));
    pairs.extend(login.acting_role.map(|role| ("role", role)));
    frontend::startup_message(pairs, &mut out).map_err(|_| unusable("a parameter of the URL"))?;
    frames.send(&out).await?;
    let is_encrypted = Some(end_point != EndPoint::Plain);
    let method = Some(authenticate(frames, login, end_point).await?);
    let facts = LoginFacts { method, is_encrypted, ..LoginFacts::default() };
    let mut cancel_key = None;
    loop {
        match message(frames).await? {
            Message::BackendKeyData(body) => {
                cancel_key = Some(CancelKey { process_id: body.process_id(), secret: body.secret_key() });
            }
            Message::ParameterStatus(_) => {}
            Message::ReadyForQuery(_) => {
                frames.logged_in();
                return Ok(LoggedIn { cancel_key, facts });
            }
            _ => return Err(not_postgres("an unexpected message at the end of the login")),
        }
    }
}

/// Answers what the server asks until it is content; gives what it asked for.
async fn authenticate(frames: &mut Frames, login: &Login<'_>, end_point: EndPoint) -> Result<LoginMethod, Fault> {
    let mut out = BytesMut::new();
    let first = message(frames).await?;
    let require = |method| RequireAuth::check(login.require_auth, method);
    if !matches!(first, Message::AuthenticationSasl(_)) && login.binding == Binding::Require {
        return Err(refused("channel_binding=require, but the server does not ask for SCRAM authentication"));
    }
    let method = match first {
        Message::AuthenticationOk => return require(Method::Nothing).map(|()| LoginMethod::Nothing),
        Message::AuthenticationCleartextPassword => {
            require(Method::Cleartext)?;
            let password = password(login)?;
            frontend::password_message(password.expose().as_bytes(), &mut out).map_err(|_| unusable("the password"))?;
            LoginMethod::Cleartext
        }
        Message::AuthenticationMd5Password(body) => {
            require(Method::Md5)?;
            let password = password(login)?;
            let hash = md5_hash(login.user.as_bytes(), password.expose().as_bytes(), body.salt());
            frontend::password_message(hash.as_bytes(), &mut out).map_err(|_| unusable("the password"))?;
            LoginMethod::Md5
        }
        Message::AuthenticationSasl(body) => {
            require(Method::Scram)?;
            return scram(frames, login, end_point, &body).await;
        }
        Message::AuthenticationGss | Message::AuthenticationSspi | Message::AuthenticationKerberosV5 => {
            return Err(refused("the server asks for GSSAPI or SSPI authentication, which doorstep does not have"));
        }
        _ => return Err(not_postgres("an unexpected message at the begin of the login")),
    };
    frames.send(&out).await?;
    match message(frames).await? {
        Message::AuthenticationOk => Ok(method),
        _ => Err(not_postgres("an unexpected answer to the password")),
    }
}

/// SCRAM-SHA-256 (RFC 5802, 7677), over TLS with the server's certificate bound to it where both sides can.
async fn scram(
    frames: &mut Frames,
    login: &Login<'_>,
    end_point: EndPoint,
    offer: &AuthenticationSaslBody,
) -> Result<LoginMethod, Fault> {
    let offered: Vec<String> = offer
        .mechanisms()
        .map(|name| Ok(name.to_owned()))
        .collect()
        .map_err(|error| not_postgres(&error.to_string()))?;
    let offers = |name: &str| offered.iter().any(|offered| offered == name);
    let (mechanism, binding) = choose(login.binding, end_point, offers(SCRAM_SHA_256_PLUS), offers(SCRAM_SHA_256))?;
    let password = password(login)?;
    let method = if mechanism == SCRAM_SHA_256_PLUS { LoginMethod::ScramBound } else { LoginMethod::Scram };

    let first = ClientFirst::new(binding);
    let mut out = BytesMut::new();
    let internal = |error: std::io::Error| Fault::new(Class::Statement, error.to_string());
    frontend::sasl_initial_response(mechanism, first.message().as_bytes(), &mut out).map_err(internal)?;
    frames.send(&out).await?;

    let Message::AuthenticationSaslContinue(body) = message(frames).await? else {
        return Err(not_postgres("an unexpected message in the SCRAM exchange"));
    };
    let last = first.answer(body.data(), password.expose().as_bytes())?;
    out.clear();
    frontend::sasl_response(last.message.as_bytes(), &mut out).map_err(internal)?;
    frames.send(&out).await?;

    // AuthenticationOk without the server's own proof would accept a server that does not know the password.
    let Message::AuthenticationSaslFinal(body) = message(frames).await? else {
        return Err(refused("the server ended the SCRAM exchange without proving that it knows the password"));
    };
    last.check(body.data())?;
    match message(frames).await? {
        Message::AuthenticationOk => Ok(method),
        _ => Err(not_postgres("an unexpected message after the SCRAM exchange")),
    }
}

/// The mechanism, as libpq's `pg_SASL_init` chooses it. `plus` and `plain` are what the server offers.
fn choose(
    binding: Binding,
    end_point: EndPoint,
    plus: bool,
    plain: bool,
) -> Result<(&'static str, ChannelBinding), Fault> {
    match end_point {
        // The server takes this connection for an encrypted one: a relay in between has removed TLS.
        EndPoint::Plain if plus => Err(refused("the server offers SCRAM-SHA-256-PLUS on a connection without TLS")),
        EndPoint::Hash(hash) if plus && binding != Binding::Disable => {
            Ok((SCRAM_SHA_256_PLUS, ChannelBinding::EndPoint(hash)))
        }
        EndPoint::Unhashable if plus && binding == Binding::Require => {
            Err(refused("channel_binding=require, but the certificate's signature algorithm names no hash to bind to"))
        }
        _ if binding == Binding::Require => {
            Err(refused("channel_binding=require, but the server does not offer SCRAM-SHA-256-PLUS"))
        }
        // "y": the client supports it and saw no offer. A server that did offer it detects the manipulation.
        EndPoint::Hash(_) if plain && binding == Binding::Prefer => Ok((SCRAM_SHA_256, ChannelBinding::NotOffered)),
        _ if plain => Ok((SCRAM_SHA_256, ChannelBinding::Unsupported)),
        _ => Err(refused("the server offers no SASL mechanism that doorstep has (SCRAM-SHA-256)")),
    }
}

fn password<'a>(login: &Login<'a>) -> Result<&'a Secret, Fault> {
    login.password.ok_or_else(|| Fault {
        hint: Some("no password was given".to_owned()),
        ..refused("the server asks for a password")
    })
}

/// The next message of a login; an ErrorResponse is the error.
async fn message(frames: &mut Frames) -> Result<Message, Fault> {
    let mut notices = Notices::default();
    loop {
        match frames.next(Rows::Read).await? {
            Frame::Message(Message::ErrorResponse(body)) => return Err(fault_of(body.fields())),
            Frame::Message(Message::NoticeResponse(body)) => notices.log(body.fields()),
            Frame::Message(message) => return Ok(message),
            Frame::Row | Frame::Discarded => return Err(not_postgres("rows before the login has ended")),
        }
    }
}

/// A login that this side ends.
pub(crate) fn refused(text: &str) -> Fault {
    Fault::new(Class::Authentication, text)
}

/// The protocol ends every text with a NUL, so none may be in it.
fn unusable(what: &str) -> Fault {
    Fault::new(Class::Config, format!("{what} cannot be used: it holds a NUL character"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mechanism, or `refused`.
    fn chosen(binding: Binding, end_point: EndPoint, plus: bool, plain: bool) -> &'static str {
        choose(binding, end_point, plus, plain).map_or("refused", |(mechanism, _)| mechanism)
    }

    #[test]
    fn channel_binding_is_used_where_both_sides_can_as_in_libpq() {
        use Binding::{Disable, Prefer, Require};
        let bound = || EndPoint::Hash(vec![1]);
        assert_eq!(chosen(Prefer, bound(), true, true), "SCRAM-SHA-256-PLUS");
        assert_eq!(chosen(Require, bound(), true, true), "SCRAM-SHA-256-PLUS");
        assert_eq!(chosen(Disable, bound(), true, true), "SCRAM-SHA-256");
        assert_eq!(chosen(Prefer, bound(), false, true), "SCRAM-SHA-256");
        assert_eq!(chosen(Require, bound(), false, true), "refused");
        assert_eq!(chosen(Prefer, EndPoint::Plain, false, true), "SCRAM-SHA-256");
        assert_eq!(chosen(Require, EndPoint::Plain, false, true), "refused");
        assert_eq!(chosen(Prefer, EndPoint::Plain, true, true), "refused");
        assert_eq!(chosen(Prefer, EndPoint::Unhashable, true, true), "SCRAM-SHA-256");
        assert_eq!(chosen(Require, EndPoint::Unhashable, true, true), "refused");
        assert_eq!(chosen(Disable, bound(), true, false), "refused");
    }

    #[test]
    fn require_auth_lists_what_is_allowed_or_what_is_not() {
        let allows = |text: &str, method| RequireAuth::parse(text).unwrap().0.contains(&method);
        assert!(allows("scram-sha-256", Method::Scram) && !allows("scram-sha-256", Method::Md5));
        assert!(allows("!password,!none", Method::Scram) && !allows("!password,!none", Method::Nothing));
        assert!(RequireAuth::parse("md5,!none").is_err() && RequireAuth::parse("kerberos").is_err());
        for text in ["md5,md5", "!md5,!md5", "md5, none", "md5,", "!"] {
            assert!(RequireAuth::parse(text).is_err(), "{text}");
        }
    }
}
