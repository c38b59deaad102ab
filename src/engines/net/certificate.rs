//! What a certificate says about itself (X.509, RFC 5280). Whether that is true is for the handshake to prove.

use x509_cert::der::Decode as _;

use crate::engines::trace::Certificate;

/// Reads a certificate; fields stay empty where it cannot be read.
pub(crate) fn read(der: &[u8]) -> Certificate {
    let parsed = x509_cert::Certificate::from_der(der).ok();
    let body = parsed.as_ref().map(x509_cert::Certificate::tbs_certificate);
    Certificate {
        subject: body.map(|body| body.subject().to_string()),
        issuer: body.map(|body| body.issuer().to_string()),
        expires: body.map(|body| body.validity().not_after.to_system_time()),
    }
}
