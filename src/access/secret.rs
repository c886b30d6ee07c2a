//! Secrets from the configuration: only their digest is kept, and nothing prints them.

use sha2::{Digest, Sha256};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;

/// The digest of a secret text: what is compared and what a session remembers of its credential.
pub type SecretDigest = [u8; 32];

/// A secret of which only the SHA-256 stays in memory. It shows itself as `***`, or as the reference it came from.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    digest: SecretDigest,
    origin: Origin,
}

/// What stands for a secret where the configuration is shown.
pub(super) const MASK: &str = "***";

/// Where a secret was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Written into the configuration.
    Inline,
    File(PathBuf),
    Environment(String),
}

/// What may be written where a secret is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `sha256:HEX` or a reference to a file or variable.
    DigestOnly,
    /// Also the secret itself, when it is strong.
    Plain,
}

/// Why a secret is not usable. The text never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSecret {
    #[error("the secret file {0} can not be read: {1}")]
    File(PathBuf, std::io::Error),
    #[error("the secret file {0} is empty, longer than 4096 bytes, or not UTF-8 text")]
    FileContent(PathBuf),
    #[error("the environment variable {0} is not set, or not UTF-8 text")]
    Environment(String),
    #[error(
        "`sha256:` wants the 64 hexadecimal digits of a SHA-256; `wasmcast config token` prints a token and its digest"
    )]
    Digest,
    #[error(
        "the token {0} is too weak: it must be random and hold 128 bits or more (22 letters and digits, or 32 \
         hexadecimal digits); `wasmcast config token` makes one"
    )]
    Weak(String),
    #[error(
        "a token does not belong into the configuration in the clear: write its digest as \"sha256:HEX\", or \
         \"file:PATH\" or \"env:NAME\" where the token is kept; `wasmcast config token` prints a token and its line"
    )]
    Clear,
    #[error("the secret is empty")]
    Empty,
    #[error("`***` is what `wasmcast config show` prints instead of a secret; put the secret back in its place")]
    Masked,
}

impl Secret {
    /// Reads `sha256:HEX`, `file:PATH`, `env:NAME` or, where `form` allows it, the secret itself.
    pub fn read(text: &str, form: Form) -> Result<Self, InvalidSecret> {
        if let Some(path) = text.strip_prefix("file:") {
            let path = PathBuf::from(path);
            let content = read_file(&path)?;
            let digest = digest_of(&content, &format!("in the file {}", path.display()))?;
            return Ok(Secret { digest, origin: Origin::File(path) });
        }
        if let Some(name) = text.strip_prefix("env:") {
            let content = std::env::var(name).map_err(|_| InvalidSecret::Environment(name.to_owned()))?;
            let digest = digest_of(content.trim(), &format!("in the environment variable {name}"))?;
            return Ok(Secret { digest, origin: Origin::Environment(name.to_owned()) });
        }
        if text.trim_matches('*').is_empty() && !text.is_empty() {
            return Err(InvalidSecret::Masked);
        }
        if form == Form::DigestOnly && !text.starts_with("sha256:") {
            return Err(if is_strong(text) { InvalidSecret::Clear } else { weak("written here") });
        }
        Ok(Secret { digest: digest_of(text, "written here")?, origin: Origin::Inline })
    }

    /// Whether the presented text is the secret. Takes the same time wherever they differ.
    pub fn matches(&self, presented: &str) -> bool {
        self.matches_digest(&digest(presented))
    }

    /// As [`Secret::matches`], for a text that was digested before.
    pub fn matches_digest(&self, presented: &SecretDigest) -> bool {
        self.digest.ct_eq(presented).into()
    }

    /// The SHA-256 of the secret.
    pub fn digest(&self) -> SecretDigest {
        self.digest
    }

    /// Whether it is the digest of nothing that anyone could hold: digits that stand in an example to be replaced, or the
    /// digest of the empty text.
    pub fn is_placeholder(&self) -> bool {
        self.digest.iter().all(|byte| *byte == self.digest[0]) || self.digest == digest("")
    }

    /// The file that it came from, so that a change of it can be seen.
    pub fn file(&self) -> Option<&Path> {
        self.origin.file()
    }
}

impl Origin {
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Origin::File(path) => Some(path),
            Origin::Inline | Origin::Environment(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Inline => f.write_str(MASK),
            Origin::File(path) => write!(f, "file:{}", path.display()),
            Origin::Environment(name) => write!(f, "env:{name}"),
        }
    }
}

/// The SHA-256 of a presented token or other secret text.
pub fn digest(text: &str) -> SecretDigest {
    Sha256::digest(text.as_bytes()).into()
}

/// A fresh random token of 160 bits, in letters and digits that can not be mistaken for each other.
pub fn random_token() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bits = [0u8; 32];
    getrandom::fill(&mut bits).expect("the system's random source works");
    let text = bits.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    "wct_".chars().chain(text).collect()
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin.fmt(f)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({self})")
    }
}

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Secret::read(&text, Form::Plain).map_err(serde::de::Error::custom)
    }
}

/// Secrets are short; a wrong path must not read a disk image into memory.
const MAX_FILE_BYTES: u64 = 4096;

pub(super) fn read_file(path: &Path) -> Result<String, InvalidSecret> {
    let fail = |error| InvalidSecret::File(path.to_owned(), error);
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(fail)?;
    let text = String::from_utf8(content).unwrap_or_default();
    let trimmed = text.trim();
    if trimmed.is_empty() || text.len() as u64 > MAX_FILE_BYTES {
        return Err(InvalidSecret::FileContent(path.to_owned()));
    }
    Ok(trimmed.to_owned())
}

fn digest_of(text: &str, place: &str) -> Result<SecretDigest, InvalidSecret> {
    if let Some(hex) = text.strip_prefix("sha256:") {
        return from_hex(hex).ok_or(InvalidSecret::Digest);
    }
    if is_strong(text) { Ok(digest(text)) } else { Err(weak(place)) }
}

fn weak(place: &str) -> InvalidSecret {
    InvalidSecret::Weak(place.to_owned())
}

fn from_hex(hex: &str) -> Option<SecretDigest> {
    let mut digest = [0u8; 32];
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(digest)
}

/// Whether a text can be a random one of 128 bits: long enough for its alphabet, and not a few characters repeated.
/// A passphrase of words can pass; what is certainly weak can not.
fn is_strong(text: &str) -> bool {
    let has = |class: fn(&u8) -> bool| text.as_bytes().iter().any(class);
    let alphabet = if text.bytes().all(|b| b.is_ascii_digit()) {
        10.0f64
    } else if text.bytes().all(|b| b.is_ascii_hexdigit()) {
        16.0
    } else {
        let mut size = 0.0;
        size += if has(u8::is_ascii_lowercase) { 26.0 } else { 0.0 };
        size += if has(u8::is_ascii_uppercase) { 26.0 } else { 0.0 };
        size += if has(u8::is_ascii_digit) { 10.0 } else { 0.0 };
        size + if has(|b| !b.is_ascii_alphanumeric()) { 2.0 } else { 0.0 }
    };
    let mut seen = [false; 256];
    text.bytes().for_each(|b| seen[usize::from(b)] = true);
    let distinct = seen.iter().filter(|seen| **seen).count();
    distinct >= 8 && text.len() as f64 * alphabet.log2() >= 128.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `abc` (FIPS 180-2, B.1).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn secrets_are_read_in_every_form() {
        let secret = Secret::read(&format!("sha256:{ABC}"), Form::DigestOnly).unwrap();
        assert!(secret.matches("abc"));
        assert!(!secret.matches("abd") && !secret.matches("") && !secret.matches("abcd"));

        let token = random_token();
        let path = std::env::temp_dir().join(format!("wasmcast-secret-{}", std::process::id()));
        std::fs::write(&path, format!("{token}\n")).unwrap();
        let secret = Secret::read(&format!("file:{}", path.display()), Form::DigestOnly).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(secret.matches(&token));
        assert_eq!(secret.to_string(), format!("file:{}", path.display()));
        assert_eq!(Secret::read(&token, Form::Plain).unwrap().to_string(), "***");
    }

    #[test]
    fn digests_that_nobody_has_the_token_of_are_known() {
        let rows = [
            ("0".repeat(64), true),
            ("f".repeat(64), true),
            ("ab".repeat(32), true),
            ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(), true),
            (ABC.to_owned(), false),
            (format!("{}1", "0".repeat(63)), false),
        ];
        for (hex, expected) in rows {
            let secret = Secret::read(&format!("sha256:{hex}"), Form::DigestOnly).unwrap();
            assert_eq!(secret.is_placeholder(), expected, "{hex}");
        }
    }

    #[test]
    fn what_is_refused_is_explained_without_telling_the_secret() {
        let strong = random_token();
        let rows = [
            ("hunter2", Form::Plain, "`wasmcast config token` makes one"),
            ("hunter2", Form::DigestOnly, "`wasmcast config token` makes one"),
            ("", Form::Plain, "too weak"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Form::Plain, "too weak"),
            ("0123456789012345678901234567890123456", Form::Plain, "too weak"),
            ("0123456789abcdef0123456789abcde", Form::Plain, "too weak"),
            (strong.as_str(), Form::DigestOnly, "in the clear"),
            ("sha256:123", Form::DigestOnly, "64 hexadecimal digits"),
            ("file:/no/such/file", Form::Plain, "/no/such/file can not be read"),
            ("file:/dev/null", Form::Plain, "is empty"),
            ("file:/dev/zero", Form::Plain, "longer than 4096"),
            ("env:WASMCAST_NO_SUCH_VARIABLE", Form::Plain, "WASMCAST_NO_SUCH_VARIABLE is not set"),
            ("***", Form::Plain, "config show"),
        ];
        for (text, form, expected) in rows {
            let error = Secret::read(text, form).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("hunter2") && !error.contains(&strong), "{error}");
        }
    }

    #[test]
    fn fresh_tokens_are_strong_and_differ() {
        let (a, b) = (random_token(), random_token());
        assert_ne!(a, b);
        assert_eq!(a.len(), 36);
        assert!(is_strong(&a) && is_strong(&b));
        assert!(is_strong("0f1e2d3c4b5a69788796a5b4c3d2e1f0"));
    }
}
