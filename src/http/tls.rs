//! TLS on the public listener: which certificate is in use, and how it follows its files.

use super::certificate::{Certificate, CertificateError, Expiry, PemPair};
use super::timestamp::rfc3339;
use rustls::crypto::ring::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// Where the certificate of the public listener comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Plain HTTP.
    Off,
    /// A certificate made at each start for these names and addresses; browsers ask the visitor to accept it.
    SelfSigned { names: Vec<String> },
    /// PEM files, read again when they change.
    Files { cert: PathBuf, key: PathBuf },
}

/// Whether the files hold a certificate and its key.
///
/// # Errors
/// In words that name the file.
pub fn check_certificate(tls: &Tls) -> Result<(), CertificateError> {
    let Tls::Files { cert, key } = tls else { return Ok(()) };
    Certificate::from_pem(&PemPair::read(cert, key)?, cert, key).map(drop)
}

/// The certificate in use; a connection keeps the one that it began with.
#[derive(Debug)]
pub(super) struct CurrentCertificate(Mutex<Certificate>);

impl CurrentCertificate {
    pub(super) fn get(&self) -> Certificate {
        self.0.lock().expect("no holder of this lock panics").clone()
    }

    fn set(&self, certificate: Certificate) {
        *self.0.lock().expect("no holder of this lock panics") = certificate;
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get().key)
    }
}

/// TLS as set up.
pub(super) struct Setup {
    pub(super) config: Arc<rustls::ServerConfig>,
    current: Arc<CurrentCertificate>,
    watch: Option<FileWatch>,
}

impl Setup {
    /// Loads or makes the certificate. None where TLS is off.
    pub(super) fn new(tls: &Tls) -> Result<Option<Setup>, CertificateError> {
        let (certificate, watch) = match tls {
            Tls::Off => return Ok(None),
            Tls::SelfSigned { names } => {
                let certificate = Certificate::self_signed(names, SystemTime::now())?;
                tracing::info!(
                    sha256 = certificate.fingerprint(),
                    names = names.join(" "),
                    "made a self-signed certificate; browsers will ask whether to trust it"
                );
                (certificate, None)
            }
            Tls::Files { cert, key } => {
                let pem = PemPair::read(cert, key)?;
                let digest = digest(&Ok(&pem));
                let certificate = Certificate::from_pem(&pem, cert, key)?;
                let watch = FileWatch { cert: cert.clone(), key: key.clone(), judged: digest, seen: digest };
                (certificate, Some(watch))
            }
        };
        let current = Arc::new(CurrentCertificate(Mutex::new(certificate)));
        Ok(Some(Setup { config: server_config(current.clone()), current, watch }))
    }

    /// Follows the files and the calendar until told to stop.
    pub(super) async fn follow(self, stop: CancellationToken) {
        let Setup { current, mut watch, .. } = self;
        let mut told = Expiry::Far;
        loop {
            let certificate = current.get();
            let expiry = certificate.expiry(SystemTime::now());
            if expiry != told {
                told = expiry;
                log_expiry(expiry, certificate.not_after);
            }
            if stop.run_until_cancelled(tokio::time::sleep(LOOK_INTERVAL)).await.is_none() {
                return;
            }
            let Some(mut files) = watch.take() else { continue };
            // Reading may block on a network file system.
            let looked = tokio::task::spawn_blocking(move || (files.look(), files)).await;
            let Ok((found, files)) = looked else { return };
            watch = Some(files);
            match found {
                None => {}
                Some(Ok(certificate)) => {
                    let until = rfc3339(certificate.not_after);
                    tracing::info!(sha256 = certificate.fingerprint(), %until, "certificate reloaded");
                    // An expiry of the new one is told again.
                    told = Expiry::Far;
                    current.set(certificate);
                }
                Some(Err(error)) => {
                    tracing::error!(%error, "the changed certificate is not usable; the one before stays in use");
                }
            }
        }
    }
}

/// How often files and calendar are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

fn log_expiry(expiry: Expiry, not_after: SystemTime) {
    let not_after = rfc3339(not_after);
    match expiry {
        Expiry::Far => {}
        Expiry::Soon => tracing::warn!(%not_after, "the TLS certificate expires in less than 14 days; renew it"),
        Expiry::Expired => {
            tracing::warn!(%not_after, "the TLS certificate has expired; browsers refuse it until it is renewed");
        }
    }
}

fn server_config(resolver: Arc<CurrentCertificate>) -> Arc<rustls::ServerConfig> {
    let builder = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3");
    let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

type ContentDigest = [u8; 32];

/// Sees changes of a certificate and a key file by their content.
#[derive(Debug)]
struct FileWatch {
    cert: PathBuf,
    key: PathBuf,
    /// The content that was last loaded or refused.
    judged: ContentDigest,
    /// The content at the last look.
    seen: ContentDigest,
}

impl FileWatch {
    /// The new certificate, or what is wrong with it, once for each change. A change is judged when it has been the same
    /// for two looks: the two files are seldom replaced in one instant.
    fn look(&mut self) -> Option<Result<Certificate, CertificateError>> {
        let read = PemPair::read(&self.cert, &self.key);
        let now = digest(&read.as_ref());
        let settled = now == self.seen;
        self.seen = now;
        if !settled || now == self.judged {
            return None;
        }
        self.judged = now;
        Some(read.and_then(|pem| Certificate::from_pem(&pem, &self.cert, &self.key)))
    }
}

/// Identifies what reading the files gave, an error included.
fn digest(read: &Result<&PemPair, &CertificateError>) -> ContentDigest {
    match read {
        Ok(pem) => {
            let mut hasher = Sha256::new();
            hasher.update(pem.cert.len().to_be_bytes());
            hasher.update(&pem.cert);
            hasher.update(&pem.key);
            hasher.finalize().into()
        }
        Err(error) => Sha256::digest(error.to_string()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn pem(name: &str) -> (String, String) {
        let pair = rcgen::KeyPair::generate().unwrap();
        let made = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&pair).unwrap();
        (made.pem(), pair.serialize_pem())
    }

    #[test]
    fn changed_files_are_judged_once_they_are_settled() {
        let folder = std::env::temp_dir().join(format!("wasmcast-tls-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let ((first, first_key), (second, second_key)) = (pem("a.example"), pem("b.example"));
        fs::write(&cert, &first).unwrap();
        fs::write(&key, &first_key).unwrap();
        let setup = Setup::new(&Tls::Files { cert: cert.clone(), key: key.clone() }).unwrap().unwrap();
        let before = setup.current.get().fingerprint();
        let mut watch = setup.watch.unwrap();
        assert!(watch.look().is_none());

        // Replaced one after the other: what lies between is not judged.
        fs::write(&cert, &second).unwrap();
        assert!(watch.look().is_none());
        fs::write(&key, &second_key).unwrap();
        assert!(watch.look().is_none());
        let after = watch.look().unwrap().unwrap();
        assert_ne!(after.fingerprint(), before);
        assert!(watch.look().is_none());

        // What stays wrong is told once.
        for spoil in ["", "garbage", &first] {
            fs::write(&cert, spoil).unwrap();
            assert!(watch.look().is_none());
            assert!(watch.look().unwrap().is_err(), "{spoil}");
            assert!(watch.look().is_none());
        }
        fs::remove_file(&cert).unwrap();
        assert!(watch.look().is_none());
        assert!(matches!(watch.look(), Some(Err(CertificateError::Read { .. }))));
        fs::write(&cert, &second).unwrap();
        assert!(watch.look().is_none());
        assert!(watch.look().unwrap().is_ok());
        fs::remove_dir_all(&folder).unwrap();
    }
}
