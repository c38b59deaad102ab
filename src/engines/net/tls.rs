//! TLS as libpq's `sslmode` means it (PostgreSQL manual 34.19): `require` encrypts without looking at the
//! certificate, `verify-ca` checks its chain, `verify-full` its name too, and `sslrootcert` *replaces* the
//! trusted roots instead of adding to them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::base::fault::{Class, Fault};
use crate::base::file::{self, FileKind};
use crate::base::plain_name::shown_path;
use crate::engines::net::certificate;
use crate::engines::trace::{Certificate, Encryption};

/// A connection that is encrypted.
pub(crate) type Encrypted = TlsStream<TcpStream>;

/// How to encrypt, and which certificates to trust.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    pub(crate) mode: TlsMode,
    pub(crate) roots: Roots,
    /// The client's certificate and key, PEM.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// Whether the server must ask for it (libpq's `sslcertmode=require`).
    pub(crate) client_is_required: bool,
    /// The protocol to announce (ALPN).
    pub(crate) protocol: Option<&'static str>,
    /// The URL parameter that names the roots, for error messages.
    pub(crate) root_parameter: &'static str,
}

/// libpq's sslmode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Which authorities are trusted, where the mode verifies.
#[derive(Debug, Clone)]
pub(crate) enum Roots {
    /// Mozilla's, carried in the binary.
    Public,
    /// The system's store; Mozilla's where there is none.
    System,
    /// Those of a PEM file, and no others.
    File(PathBuf),
}

/// Encrypts a connection whose server has agreed to it.
pub(crate) async fn handshake(stream: TcpStream, tls: &Tls, host: &str) -> Result<Encrypted, Fault> {
    let (config, asked) = config(tls)?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| refused(format!("`{host}` is not a name that a certificate can carry")))?;
    let stream =
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| match cause(&error) {
            Some(why) => refused(format!("TLS with {host} failed: {}", explain(why, tls.root_parameter))),
            // libpq's `prefer` goes on without TLS after any failure of the handshake.
            None if tls.mode == TlsMode::Prefer => refused(format!("TLS with {host} broke off: {error}")),
            // The connection broke during the handshake: the server may be restarting.
            None => Fault::new(Class::Unreachable, format!("TLS with {host} broke off: {error}")),
        })?;
    // A server of another protocol may stand on the port: a request would have told (ALPACA attacks).
    if tls.protocol.is_some() && stream.get_ref().1.alpn_protocol().is_none() {
        return Err(refused(format!("TLS with {host} failed: the server did not agree to the protocol (ALPN)")));
    }
    if tls.client_is_required && !asked.0.load(Ordering::Relaxed) {
        return Err(refused(format!("TLS with {host} failed: the server did not ask for a client certificate")));
    }
    Ok(stream)
}

/// Chooses the client's certificate as rustls would, and notes that the server asked for one and got it.
#[derive(Debug)]
struct Asked(AtomicBool, Arc<dyn ResolvesClientCert>);

impl ResolvesClientCert for Asked {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let chosen = self.1.resolve(hints, schemes);
        self.0.store(chosen.is_some(), Ordering::Relaxed);
        chosen
    }

    fn has_certs(&self) -> bool {
        self.1.has_certs()
    }
}

/// How this connection is encrypted, and the certificates that the server has shown.
pub(crate) fn encryption(stream: &Encrypted) -> Encryption {
    let connection = stream.get_ref().1;
    let version = connection.protocol_version().and_then(|version| version.as_str());
    let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let chain = connection.peer_certificates().unwrap_or_default();
    Encryption {
        // The library's name is `TLSv1_3`.
        version: version.unwrap_or_default().replace("TLSv", "TLS ").replace('_', "."),
        cipher: cipher.unwrap_or_default().to_owned(),
        chain: chain.iter().map(|der| certificate::read(der)).collect(),
    }
}

/// The certificates that the server shows, unverified: for the report of a handshake that was refused because of them.
pub(crate) async fn shown_certificates(stream: TcpStream, tls: &Tls, host: &str) -> Vec<Certificate> {
    let unverified = Tls { mode: TlsMode::Require, client: None, client_is_required: false, ..tls.clone() };
    handshake(stream, &unverified, host).await.map(|stream| encryption(&stream).chain).unwrap_or_default()
}

/// What a login over this connection can be bound to: the hash of the server's certificate, made with the hash function of
/// its signature, and with SHA-256 in place of MD5 and SHA-1 (RFC 5929, 4.1). `None` where the signature names no hash
/// (EdDSA), or one that is not known here.
pub(crate) fn end_point(stream: &Encrypted) -> Option<Vec<u8>> {
    end_point_of(stream.get_ref().1.peer_certificates()?.first()?)
}

fn end_point_of(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};
    use x509_cert::der::Decode as _;

    let parsed = x509_cert::Certificate::from_der(certificate).ok()?;
    Some(match signature_hash(parsed.signature_algorithm())? {
        Hash::Sha224 => Sha224::digest(certificate).to_vec(),
        Hash::Md5 | Hash::Sha1 | Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

/// The hash function of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash function that a signature algorithm names, or its parameters do (RSASSA-PSS), as OpenSSL's
/// `X509_get_signature_info` finds it for libpq.
fn signature_hash(algorithm: &x509_cert::AlgorithmIdentifier) -> Option<Hash> {
    use x509_cert::der::oid::ObjectIdentifier;
    use x509_cert::der::oid::db::rfc5912;

    /// RFC 3279, 2.2.3.
    const ECDSA_WITH_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");
    match algorithm.oid {
        rfc5912::MD_5_WITH_RSA_ENCRYPTION => Some(Hash::Md5),
        rfc5912::SHA_1_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_1 => Some(Hash::Sha1),
        rfc5912::SHA_224_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_224 => Some(Hash::Sha224),
        rfc5912::SHA_256_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_256 => Some(Hash::Sha256),
        rfc5912::SHA_384_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_384 => Some(Hash::Sha384),
        rfc5912::SHA_512_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_512 => Some(Hash::Sha512),
        rfc5912::ID_RSASSA_PSS => pss_hash(algorithm.parameters.as_ref()?),
        _ => None,
    }
}

/// `hashAlgorithm` of RSASSA-PSS-params (RFC 4055, 3.1): field `[0]`, and SHA-1 where it is absent.
fn pss_hash(parameters: &x509_cert::der::Any) -> Option<Hash> {
    use x509_cert::AlgorithmIdentifier;
    use x509_cert::der::asn1::ContextSpecific;
    use x509_cert::der::oid::db::rfc5912;
    use x509_cert::der::{SliceReader, Tag, TagNumber, Tagged as _};

    if parameters.tag() != Tag::Sequence {
        return None;
    }
    let mut fields = SliceReader::new(parameters.value()).ok()?;
    let hash = ContextSpecific::<AlgorithmIdentifier>::decode_explicit(&mut fields, TagNumber(0)).ok()?;
    match hash.map(|field| field.value.oid) {
        None | Some(rfc5912::ID_SHA_1) => Some(Hash::Sha1),
        Some(rfc5912::ID_SHA_224) => Some(Hash::Sha224),
        Some(rfc5912::ID_SHA_256) => Some(Hash::Sha256),
        Some(rfc5912::ID_SHA_384) => Some(Hash::Sha384),
        Some(rfc5912::ID_SHA_512) => Some(Hash::Sha512),
        Some(_) => None,
    }
}

/// Why a connection broke after the handshake: since TLS 1.3 a server refuses the client's certificate only then.
pub(crate) fn broken(error: &std::io::Error) -> Fault {
    match cause(error) {
        Some(why @ rustls::Error::AlertReceived(_)) => refused(format!("the server ended TLS: {why}")),
        _ => Fault::new(Class::Unreachable, crate::engines::net::dial::reason(error)),
    }
}

fn cause(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn refused(text: String) -> Fault {
    Fault::new(Class::Tls, text)
}

fn explain(error: &rustls::Error, root_parameter: &str) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            format!("the certificate's issuer is not trusted; name its root with {root_parameter}=FILE")
        }
        // webpki reads version 3 only; OpenSSL made and serves the other kind too.
        rustls::Error::InvalidCertificate(CertificateError::Other(why))
            if why.to_string().contains("UnsupportedCertVersion") =>
        {
            "the certificate is of X.509 version 1, which cannot be verified; make it anew with a subjectAltName"
                .to_owned()
        }
        other => other.to_string(),
    }
}

fn config(tls: &Tls) -> Result<(ClientConfig, Arc<Asked>), Fault> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Verifier::new(tls, &provider)?);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &tls.client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = private_key(key)?;
            builder
                .with_client_auth_cert(certificates(certificate)?, key)
                .map_err(|error| refused(format!("the client certificate cannot be used: {error}")))?
        }
    };
    let asked = Arc::new(Asked(AtomicBool::new(false), Arc::clone(&config.client_auth_cert_resolver)));
    config.client_auth_cert_resolver = Arc::clone(&asked) as Arc<dyn ResolvesClientCert>;
    config.alpn_protocols = tls.protocol.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok((config, asked))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let text = file::read(path, FileKind::Certificates).map_err(|error| unreadable(path, &error))?;
    CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|error| no_pem(path, &error))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    let text = file::read(path, FileKind::Certificates).map_err(|error| unreadable(path, &error))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| no_pem(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(Class::Config, file::unreadable(shown_path(path), error))
}

fn no_pem(path: &Path, error: &dyn std::fmt::Display) -> Fault {
    Fault::new(Class::Config, format!("cannot read {}: {error}\nnext: name a PEM file", shown_path(path)))
}

fn trusted(roots: &Roots) -> Result<Vec<CertificateDer<'static>>, Fault> {
    match roots {
        Roots::File(path) => certificates(path),
        Roots::System => Ok(rustls_native_certs::load_native_certs().certs),
        Roots::Public => Ok(Vec::new()),
    }
}

/// Checks what the mode asks for, on top of rustls' own chain building.
#[derive(Debug)]
struct Verifier {
    mode: TlsMode,
    provider: Arc<CryptoProvider>,
    /// `None` where the mode verifies nothing: then a signature by the certificate's key proves nothing either, and
    /// webpki rejects some certificates that OpenSSL serves (X.509 version 1).
    chain: Option<Arc<WebPkiServerVerifier>>,
    trusted: Vec<CertificateDer<'static>>,
}

impl Verifier {
    fn new(tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<Self, Fault> {
        let (mut chain, mut trusted_certificates) = (None, Vec::new());
        if matches!(tls.mode, TlsMode::VerifyCa | TlsMode::VerifyFull) {
            trusted_certificates = trusted(&tls.roots)?;
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(trusted_certificates.iter().cloned());
            if store.is_empty() {
                // Falling back to the public roots would trust more than was asked for.
                if let Roots::File(path) = &tls.roots {
                    return Err(Fault::new(
                        Class::Config,
                        format!("{} holds no certificate\nnext: name a PEM file that does", shown_path(path)),
                    ));
                }
                store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
            let built = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build();
            chain = Some(built.map_err(|error| Fault::new(Class::Config, error.to_string()))?);
        }
        Ok(Self { mode: tls.mode, provider: Arc::clone(provider), chain, trusted: trusted_certificates })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        let verdict = chain.verify_server_cert(certificate, intermediates, name, ocsp, now);
        let Err(rustls::Error::InvalidCertificate(why)) = &verdict else { return verdict };
        match why {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => verdict,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
                if self.mode == TlsMode::VerifyCa =>
            {
                Ok(ServerCertVerified::assertion())
            }
            // A self-signed server certificate used as its own root is common, and fine with libpq; webpki
            // refuses it as "CA used as end entity" before it looks at the name, but not before the dates.
            _ if self.trusted.iter().any(|root| root.as_ref() == certificate.as_ref()) => {
                if self.mode == TlsMode::VerifyFull {
                    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            _ => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.chain.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.chain.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
