//! SCRAM-SHA-256 with and without channel binding: the client's side of the exchange (RFC 5802, 7677).
//!
//! `postgres-protocol` has it too, but derives the keys of HMAC from the password anew in each of the 4,096 iterations that
//! PostgreSQL asks for (pbkdf2.rs).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::base::fault::Fault;
use crate::engines::postgres::client::login::refused;
use crate::engines::postgres::client::pbkdf2::derive;

/// The most PBKDF2 iterations that are computed for a server: 24 times PostgreSQL's default, and the bound of pgjdbc.
const ITERATIONS: u32 = 100_000;

/// What the client says about channel binding: the gs2-header (RFC 5802, 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    /// The client does not support it.
    Unsupported,
    /// The client supports it, and saw no offer of the server.
    NotOffered,
    /// Bound to the hash of the server's certificate (`tls-server-end-point`, RFC 5929).
    EndPoint(Vec<u8>),
}

impl ChannelBinding {
    fn header(&self) -> &'static str {
        match self {
            Self::Unsupported => "n,,",
            Self::NotOffered => "y,,",
            Self::EndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    fn data(&self) -> &[u8] {
        match self {
            Self::Unsupported | Self::NotOffered => &[],
            Self::EndPoint(hash) => hash,
        }
    }
}

/// An exchange whose first message is to be sent.
pub(crate) struct ClientFirst {
    nonce: String,
    binding: ChannelBinding,
}

/// The client's answer, and what the server must prove in return.
pub(crate) struct ClientFinal {
    pub(crate) message: String,
    server_signature: Hmac<Sha256>,
}

impl ClientFirst {
    /// Begins an exchange with a nonce of 122 random bits.
    pub(crate) fn new(binding: ChannelBinding) -> Self {
        Self { nonce: uuid::Uuid::new_v4().simple().to_string(), binding }
    }

    /// The message to send. The user's name is that of the startup message, so the one in here is empty, as libpq's is.
    pub(crate) fn message(&self) -> String {
        format!("{}{}", self.binding.header(), self.bare())
    }

    fn bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// Answers the server's first message.
    ///
    /// # Errors
    /// What is wrong with the message.
    pub(crate) fn answer(self, server_first: &[u8], password: &[u8]) -> Result<ClientFinal, Fault> {
        let server_first = std::str::from_utf8(server_first).map_err(|error| wrong(&error.to_string()))?;
        let ServerFirst { nonce, salt, iterations } = ServerFirst::parse(server_first)?;
        if !nonce.starts_with(&self.nonce) {
            return Err(wrong("its nonce does not begin with the client's"));
        }
        let salted_password = derive(&normalized(password), &salt, iterations);

        let bound = [self.binding.header().as_bytes(), self.binding.data()].concat();
        let without_proof = format!("c={},r={nonce}", BASE64.encode(bound));
        let exchange = format!("{},{server_first},{without_proof}", self.bare());

        let client_key = hmac(&salted_password).chain_update(b"Client Key").finalize().into_bytes();
        let stored_key = Sha256::digest(client_key);
        let mut proof = hmac(&stored_key).chain_update(&exchange).finalize().into_bytes();
        proof.iter_mut().zip(client_key).for_each(|(proof, key)| *proof ^= key);

        let server_key = hmac(&salted_password).chain_update(b"Server Key").finalize().into_bytes();
        Ok(ClientFinal {
            message: format!("{without_proof},p={}", BASE64.encode(proof)),
            server_signature: hmac(&server_key).chain_update(&exchange),
        })
    }
}

impl ClientFinal {
    /// Checks the server's proof that it knows the password. Only then has the login succeeded.
    ///
    /// # Errors
    /// The server's error, or that the proof is none.
    pub(crate) fn check(self, server_final: &[u8]) -> Result<(), Fault> {
        let unproved = |why: &str| refused(&format!("the server does not prove that it knows the password: {why}"));
        let text = std::str::from_utf8(server_final).map_err(|error| unproved(&error.to_string()))?;
        if let Some(error) = text.strip_prefix("e=") {
            return Err(unproved(&format!("SCRAM error: {}", error.escape_default())));
        }
        let signature = text.strip_prefix("v=").and_then(|text| BASE64.decode(text).ok());
        let signature = signature.ok_or_else(|| unproved("its last message has no signature"))?;
        self.server_signature.verify_slice(&signature).map_err(|_| unproved("its signature is wrong"))
    }
}

/// The server's first message, `r=NONCE,s=SALT,i=ITERATIONS`. Extensions are refused: PostgreSQL has none.
struct ServerFirst<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> ServerFirst<'a> {
    fn parse(message: &'a str) -> Result<Self, Fault> {
        let mut parts = message.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name));
        let nonce = part("r=").ok_or_else(|| wrong("it has no nonce"))?;
        if !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("its nonce is not printable"));
        }
        let salt = part("s=").and_then(|salt| BASE64.decode(salt).ok());
        let salt = salt.ok_or_else(|| wrong("it has no salt"))?;
        let iterations = check_iterations(part("i=").unwrap_or_default())?;
        match parts.next() {
            None => Ok(Self { nonce, salt, iterations }),
            Some(_) => Err(wrong("it has an extension")),
        }
    }
}

/// The count must be a positive number (RFC 5802, 5.1), and no more than is bearable.
fn check_iterations(count: &str) -> Result<u32, Fault> {
    let digits = count.bytes().all(|byte| byte.is_ascii_digit()).then(|| count.parse());
    match digits {
        Some(Ok(count @ 1..=ITERATIONS)) => Ok(count),
        Some(Ok(count @ 1..)) => Err(refused(&format!(
            "the server asks for {count} SCRAM iterations, more than {ITERATIONS}; lower scram_iterations and set the password anew"
        ))),
        _ => Err(wrong("its iteration count is no positive number")),
    }
}

/// The password as SASLprep writes it. PostgreSQL accepts passwords that SASLprep does not, and uses them as they are.
fn normalized(password: &[u8]) -> Vec<u8> {
    let prepared = std::str::from_utf8(password).ok().and_then(|text| stringprep::saslprep(text).ok());
    prepared.map_or_else(|| password.to_vec(), |text| text.into_owned().into_bytes())
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length (RFC 2104, 2)")
}

fn wrong(why: &str) -> Fault {
    refused(&format!("the server's SCRAM message is wrong: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER_FIRST: &str = "r=9IZ2O01zb9IgiIZ1WJ/zgpJBjx/oIRLs02gGSHcw1KEty3eY,s=fs3IXBy7U7+IvVjZ,i=4096";

    fn exchange(binding: ChannelBinding) -> ClientFirst {
        ClientFirst { nonce: "9IZ2O01zb9IgiIZ1WJ/zgpJB".to_owned(), binding }
    }

    #[test]
    fn a_recorded_exchange_with_a_server_is_repeated() {
        let first = exchange(ChannelBinding::Unsupported);
        assert_eq!(first.message(), "n,,n=,r=9IZ2O01zb9IgiIZ1WJ/zgpJB");
        let last = first.answer(SERVER_FIRST.as_bytes(), b"foobar").unwrap();
        assert_eq!(
            last.message,
            "c=biws,r=9IZ2O01zb9IgiIZ1WJ/zgpJBjx/oIRLs02gGSHcw1KEty3eY,p=AmNKosjJzS31NTlQYNs5BTeQjdHdk7lOflDo5re2an8="
        );
        last.check(b"v=U+ppxD5XUKtradnv8e2MkeupiA8FU87Sg8CXzXHDAzw=").unwrap();
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_refused() {
        for proof in [
            "v=U+ppxD5XUKtradnv8e2MkeupiA8FU87Sg8CXzXHDAzx=",
            "v=AmNKosjJzS31NTlQYNs5BTeQjdHdk7lOflDo5re2an8=",
            "v=",
            "v=!",
            "e=other-error",
            "",
        ] {
            let last = exchange(ChannelBinding::Unsupported).answer(SERVER_FIRST.as_bytes(), b"foobar").unwrap();
            assert!(last.check(proof.as_bytes()).is_err(), "{proof}");
        }
    }

    #[test]
    fn what_is_bound_is_part_of_the_answer() {
        let answer = |binding| exchange(binding).answer(SERVER_FIRST.as_bytes(), b"foobar").unwrap().message;
        assert!(answer(ChannelBinding::NotOffered).starts_with("c=eSws,"));
        let bound = answer(ChannelBinding::EndPoint(vec![0, 1, 2]));
        assert!(bound.starts_with("c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsAAEC,"), "{bound}");
    }

    #[test]
    fn a_first_message_that_breaks_the_grammar_is_refused() {
        for bad in [
            "r=9IZ2O01zb9IgiIZ1WJ/zgpJ,s=fs3IXBy7U7+IvVjZ,i=4096",
            "r=9IZ2O01zb9IgiIZ1WJ/zgpJB x,s=fs3IXBy7U7+IvVjZ,i=4096",
            "r=9IZ2O01zb9IgiIZ1WJ/zgpJBx,s=fs3IXBy7U7+IvVj!,i=4096",
            "r=9IZ2O01zb9IgiIZ1WJ/zgpJBx,i=4096,s=fs3IXBy7U7+IvVjZ",
            "r=9IZ2O01zb9IgiIZ1WJ/zgpJBx,s=fs3IXBy7U7+IvVjZ",
            "r=9IZ2O01zb9IgiIZ1WJ/zgpJBx,s=fs3IXBy7U7+IvVjZ,i=4096,x=1",
            "m=must,r=9IZ2O01zb9IgiIZ1WJ/zgpJBx,s=fs3IXBy7U7+IvVjZ,i=4096",
            "",
        ] {
            assert!(exchange(ChannelBinding::Unsupported).answer(bad.as_bytes(), b"foobar").is_err(), "{bad}");
        }
    }

    #[test]
    fn iteration_counts_are_positive_and_bounded() {
        for good in ["1", "4096", "100000"] {
            assert!(check_iterations(good).is_ok(), "{good}");
        }
        for bad in ["0", "-1", "+1", "100001", "4294967296", "x", ""] {
            assert!(check_iterations(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_are_prepared_where_they_can_be() {
        assert_eq!(normalized("a\u{a0}b".as_bytes()), b"a b");
        assert_eq!(normalized(b"a\x07b"), b"a\x07b");
        assert_eq!(normalized(b"\xff"), b"\xff");
    }
}
