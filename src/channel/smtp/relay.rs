//! Relay: the server that takes our mail, and what has to be so before it gets any.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use thiserror::Error;

/// A relay that can be connected to.
#[derive(Debug, Clone)]
pub struct Relay {
    pub(crate) host: String,
    pub(crate) name: ServerName<'static>,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) hello_name: ClientId,
    pub(crate) deadlines: Deadlines,
}

/// How the connection is kept from others' eyes. There is no "if offered": that is plaintext for whoever
/// strips the offer (RFC 8314 §4.1).
#[derive(Debug, Clone)]
pub enum Security {
    /// Plaintext; credentials then go to a loopback address only.
    None,
    /// STARTTLS (RFC 3207), usually port 587; a relay that does not offer it gets nothing.
    StartTls(Trust),
    /// TLS from the first byte (RFC 8314 §3.3), usually port 465.
    Tls(Trust),
}

/// Whose certificates are believed.
#[derive(Debug, Clone)]
pub struct Trust(pub(crate) Arc<ClientConfig>);

/// How long each stage may take. The defaults are the minimums of RFC 5321 §4.5.3.2 where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// The TCP connection to one of the relay's addresses: 30 s, as Postfix.
    pub connect: Duration,
    /// The TLS handshake: 60 s.
    pub handshake: Duration,
    /// The greeting: 300 s (§4.5.3.2.1).
    pub greeting: Duration,
    /// The reply to EHLO, to STARTTLS and to AUTH: 300 s.
    pub ehlo: Duration,
    /// The reply to MAIL, and to RSET: 300 s (§4.5.3.2.2).
    pub mail: Duration,
    /// The reply to RCPT: 300 s (§4.5.3.2.3).
    pub rcpt: Duration,
    /// The reply to DATA: 120 s (§4.5.3.2.4).
    pub data: Duration,
    /// Between two pieces of the message that the network takes: 180 s (§4.5.3.2.5).
    pub body: Duration,
    /// The reply to the final dot: 600 s (§4.5.3.2.6). Shorter means copies: the relay may have it already.
    pub dot: Duration,
    /// The reply to QUIT, which changes nothing: 5 s.
    pub quit: Duration,
}

/// Why something is not a relay.
#[derive(Debug, Error)]
pub enum RelayError {
    /// Neither a domain name nor an IP address.
    #[error("`{0}` is not a host name or an IP address")]
    Host(String),
    /// Not what EHLO may carry (RFC 5321 §4.1.1.1).
    #[error("`{0}` is not a domain name that we can greet a relay with")]
    HelloName(String),
}

/// Why no trust could be built.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The file with the extra certificates could not be read, or is not PEM.
    #[error("the certificates in {path} could not be read")]
    Read {
        /// The file as it was named.
        path: PathBuf,
        /// What the system or the parser said.
        source: rustls::pki_types::pem::Error,
    },
    /// The file holds no certificate.
    #[error("there is no certificate in {0}, a PEM file was expected")]
    Empty(PathBuf),
    /// The system has no certificates, or one of ours is no authority.
    #[error("the certificate authorities could not be loaded")]
    Tls(#[from] rustls::Error),
}

impl Relay {
    /// A relay without credentials and with the default deadlines. `hello_name` is this machine's own full
    /// domain name, as EHLO tells it.
    pub fn new(host: &str, port: u16, security: Security, hello_name: &str) -> Result<Self, RelayError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| RelayError::Host(host.to_owned()))?;
        let is_domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if hello_name.is_empty() || !hello_name.chars().all(is_domain) {
            return Err(RelayError::HelloName(hello_name.to_owned()));
        }
        Ok(Self {
            host: host.to_owned(),
            name,
            port,
            security,
            credentials: None,
            hello_name: ClientId::Domain(hello_name.to_owned()),
            deadlines: Deadlines::default(),
        })
    }

    /// The same relay with a name and a password for AUTH (RFC 4954); neither shows in `Debug`.
    pub fn with_credentials(self, user: String, password: String) -> Self {
        Self { credentials: Some(Credentials::new(user, password)), ..self }
    }

    /// The same relay with other deadlines.
    pub fn with_deadlines(self, deadlines: Deadlines) -> Self {
        Self { deadlines, ..self }
    }
}

impl Trust {
    /// The platform's authorities, and those in a PEM file if one is named. Reads files: build it once.
    pub fn new(extra_ca: Option<&Path>) -> Result<Self, TrustError> {
        let extra = extra_ca.map_or(Ok(Vec::new()), certificates)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider))?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            // "Dangerous" is rustls's word for any verifier but its own; this one is the platform's.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            handshake: Duration::from_secs(60),
            greeting: Duration::from_secs(300),
            ehlo: Duration::from_secs(300),
            mail: Duration::from_secs(300),
            rcpt: Duration::from_secs(300),
            data: Duration::from_secs(120),
            body: Duration::from_secs(180),
            dot: Duration::from_secs(600),
            quit: Duration::from_secs(5),
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let read = |source| TrustError::Read { path: path.to_owned(), source };
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(read)?;
    if certificates.is_empty() {
        return Err(TrustError::Empty(path.to_owned()));
    }
    Ok(certificates)
}
