//! A TLS certificate with its key: read from PEM, or made and signed by ourselves, and how long it is valid.

use super::timestamp::civil;
use rustls::InconsistentKeys;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A certificate chain and its key, ready to use.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) not_after: SystemTime,
}

/// Why a certificate can not be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("{path} can not be read: {error}; check `http.tls` and that the server's user may read the file")]
    Read { path: PathBuf, error: std::io::Error },
    #[error(
        "{path} is longer than {MAX_PEM_BYTES} bytes, which no certificate or key is; check the paths in `http.tls`"
    )]
    TooLong { path: PathBuf },
    #[error(
        "{path} holds no certificate; it must be PEM text with `-----BEGIN CERTIFICATE-----`, the server's own first"
    )]
    NoCertificate { path: PathBuf },
    #[error("{path} holds no private key; it must be PEM text with an unencrypted PKCS#8, PKCS#1 or SEC1 key")]
    NoKey { path: PathBuf },
    #[error("{path} is not whole: a part of its PEM text can not be decoded; it may be half written")]
    Pem { path: PathBuf },
    #[error("the key in {key} does not belong to the certificate in {cert}; both must be of one pair")]
    Mismatch { cert: PathBuf, key: PathBuf },
    #[error("the certificate in {cert} with the key in {key} can not be used: {reason}")]
    Unusable { cert: PathBuf, key: PathBuf, reason: String },
    #[error("a self-signed certificate for {names:?} can not be made: {reason}; set `http.tls` to certificate files")]
    SelfSigned { names: Vec<String>, reason: String },
}

/// A chain of many certificates takes 20 KB; a wrong path must not read a disk image into memory.
const MAX_PEM_BYTES: u64 = 1 << 20;

/// The content of a certificate file and a key file.
#[derive(Debug)]
pub(super) struct PemPair {
    pub(super) cert: Vec<u8>,
    pub(super) key: Vec<u8>,
}

impl PemPair {
    pub(super) fn read(cert: &Path, key: &Path) -> Result<PemPair, CertificateError> {
        Ok(PemPair { cert: read(cert)?, key: read(key)? })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let fail = |error| CertificateError::Read { path: path.to_owned(), error };
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(MAX_PEM_BYTES + 1).read_to_end(&mut content).map_err(fail)?;
    if content.len() as u64 > MAX_PEM_BYTES {
        return Err(CertificateError::TooLong { path: path.to_owned() });
    }
    Ok(content)
}

impl Certificate {
    /// Reads a pair; the paths are for the words of the error.
    pub(super) fn from_pem(pem: &PemPair, cert: &Path, key: &Path) -> Result<Certificate, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem.cert)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::Pem { path: cert.to_owned() })?;
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate { path: cert.to_owned() });
        }
        let private = PrivateKeyDer::from_pem_slice(&pem.key).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound => CertificateError::NoKey { path: key.to_owned() },
            _ => CertificateError::Pem { path: key.to_owned() },
        })?;
        let unusable =
            |reason: String| CertificateError::Unusable { cert: cert.to_owned(), key: key.to_owned(), reason };
        let certified = CertifiedKey::from_der(chain, private, &default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                CertificateError::Mismatch { cert: cert.to_owned(), key: key.to_owned() }
            }
            error => unusable(error.to_string()),
        })?;
        let not_after = not_after(&certified).map_err(unusable)?;
        Ok(Certificate { key: Arc::new(certified), not_after })
    }

    /// Makes a certificate for these names and addresses, valid from yesterday (clocks differ) for 397 days in
    /// all, the most that every browser takes.
    pub(super) fn self_signed(names: &[String], now: SystemTime) -> Result<Certificate, CertificateError> {
        let fail = |reason: String| CertificateError::SelfSigned { names: names.to_vec(), reason };
        let mut params = rcgen::CertificateParams::new(names).map_err(|error| fail(error.to_string()))?;
        let ((y, m, d), (until_y, until_m, until_d)) = (day(now - DAY), day(now + DAY * 396));
        params.not_before = rcgen::date_time_ymd(y, m, d);
        params.not_after = rcgen::date_time_ymd(until_y, until_m, until_d);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "wasmcast self-signed");
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let pair = rcgen::KeyPair::generate().map_err(|error| fail(error.to_string()))?;
        let made = params.self_signed(&pair).map_err(|error| fail(error.to_string()))?;
        let private = PrivateKeyDer::Pkcs8(pair.serialize_der().into());
        let certified = CertifiedKey::from_der(vec![made.der().clone()], private, &default_provider())
            .map_err(|error| fail(error.to_string()))?;
        let not_after = not_after(&certified).map_err(fail)?;
        Ok(Certificate { key: Arc::new(certified), not_after })
    }

    /// SHA-256 of the server's own certificate, as browsers show it.
    pub(super) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.key.cert.first().map_or(&[][..], |der| der.as_ref()));
        let mut text = String::with_capacity(95);
        for (index, byte) in digest.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(text, "{colon}{byte:02X}").expect("writing to a string does not fail");
        }
        text
    }

    /// Where it stands in its life.
    pub(super) fn expiry(&self, now: SystemTime) -> Expiry {
        match self.not_after.duration_since(now) {
            Err(_) => Expiry::Expired,
            Ok(left) if left < WARN_BEFORE => Expiry::Soon,
            Ok(_) => Expiry::Far,
        }
    }
}

/// Where a certificate stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    Far,
    /// Less than 14 days are left: automatic renewal, which comes 30 days before, has failed.
    Soon,
    Expired,
}

const DAY: Duration = Duration::from_hours(24);
const WARN_BEFORE: Duration = Duration::from_hours(14 * 24);

fn not_after(key: &CertifiedKey) -> Result<SystemTime, String> {
    let der = key.end_entity_cert().map_err(|error| error.to_string())?;
    let (_, parsed) = x509_parser::parse_x509_certificate(der).map_err(|error| error.to_string())?;
    let seconds = parsed.validity().not_after.timestamp();
    Ok(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Year, month and day, from which rcgen makes the dates of its own kind.
fn day(time: SystemTime) -> (i32, u8, u8) {
    let days = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400;
    let (year, month, day) = civil(days);
    (i32::try_from(year).unwrap_or(9999), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(names: &[&str]) -> (String, String) {
        let pair = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::CertificateParams::new(names).unwrap().self_signed(&pair).unwrap();
        (made.pem(), pair.serialize_pem())
    }

    fn load(cert: &str, key: &str) -> Result<Certificate, CertificateError> {
        let pem = PemPair { cert: cert.into(), key: key.into() };
        Certificate::from_pem(&pem, Path::new("cert.pem"), Path::new("key.pem"))
    }

    #[test]
    fn a_pair_is_taken_and_every_other_pair_refused_in_words() {
        let (cert, key) = pem(&["a.example"]);
        let (_, other) = pem(&["b.example"]);
        assert!(load(&cert, &key).is_ok());
        assert!(load(&format!("{cert}{cert}"), &format!("{cert}{key}")).is_ok());
        let half = &cert[..cert.len() / 2];
        let rows = [
            (cert.as_str(), other.as_str(), "does not belong"),
            (key.as_str(), key.as_str(), "cert.pem holds no certificate"),
            (cert.as_str(), cert.as_str(), "key.pem holds no private key"),
            ("", key.as_str(), "cert.pem holds no certificate"),
            (cert.as_str(), "", "key.pem holds no private key"),
            (half, key.as_str(), "cert.pem is not whole"),
            (cert.as_str(), &key[..key.len() / 2], "key.pem is not whole"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key.as_str(), "can not be used"),
        ];
        for (cert, key, expected) in rows {
            let error = load(cert, key).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
            assert!(!error.contains("BEGIN PRIVATE"), "{error}");
        }
        let error = PemPair::read(Path::new("/no/such/file"), Path::new("key.pem")).unwrap_err().to_string();
        assert!(error.contains("/no/such/file can not be read"), "{error}");
        let error = PemPair::read(Path::new("/dev/zero"), Path::new("key.pem")).unwrap_err().to_string();
        assert!(error.contains("longer"), "{error}");
    }

    #[test]
    fn our_own_certificate_is_valid_for_a_year_and_a_month() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_362_287);
        let names = ["localhost", "192.0.2.7", "::1"].map(str::to_owned);
        let made = Certificate::self_signed(&names, now).unwrap();
        let left = made.not_after.duration_since(now).unwrap();
        assert!(left > DAY * 395 && left <= DAY * 397, "{left:?}");
        assert_eq!(made.fingerprint().len(), 95);
        let der = made.key.cert[0].clone();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        let subject = parsed.subject_alternative_name().unwrap().unwrap().value.general_names.len();
        assert_eq!(subject, 3);
        for (time, expected) in [
            (now, Expiry::Far),
            (made.not_after - DAY * 15, Expiry::Far),
            (made.not_after - DAY * 13, Expiry::Soon),
            (made.not_after + Duration::from_secs(1), Expiry::Expired),
        ] {
            assert_eq!(made.expiry(time), expected);
        }
    }
}
