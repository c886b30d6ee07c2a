//! Signatures of plugins' files, as `minisign` and `rsign` make them: whose they are, and whether they are trusted.

use minisign_verify::{PublicKey, Signature};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A public key, by which files are signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: KeyId,
    key: PublicKey,
}

/// The number that a key is known by, as `minisign` shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct KeyId(u64);

/// Whose signatures are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    pub keys: Vec<Key>,
    /// Whether every plugin must be signed.
    pub required: bool,
}

/// A signature that holds for a file, or that nothing can be told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The number of the key, 16 hexadecimal digits.
    pub key: String,
    /// Whether it was made by a trusted key; else nothing was verified.
    pub trusted: bool,
}

/// Larger files are no signatures: each has some 300 bytes.
pub const MAX_SIGNATURE: usize = 8 << 10;
/// What a signature's file is called, after the plugin's.
pub(super) const EXTENSION: &str = "wasm.minisig";

impl Key {
    /// Reads a key as it stands in the second line of `minisign.pub`.
    ///
    /// # Errors
    /// In words, where it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const HINT: &str = "is no minisign key: write the second line of minisign.pub, which begins with RW";
        let key = PublicKey::from_base64(text.trim()).map_err(|_| HINT)?;
        Ok(Key { id: KeyId::of(text.trim()).ok_or(HINT)?, key })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

impl KeyId {
    /// Of a key or a signature: two bytes that name the algorithm, then eight of the key's number.
    fn of(text: &str) -> Option<Self> {
        use base64::Engine;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
        Some(KeyId(u64::from_le_bytes(bytes.get(2..10)?.try_into().ok()?)))
    }
}

impl Trust {
    /// Checks the signature of a plugin's file. `signer`: the only key that the plugin's manifest takes.
    ///
    /// # Errors
    /// In words: it is missing and required, not for this file, or by a key that is not trusted.
    pub fn check(
        &self,
        plugin: &str,
        bytes: &[u8],
        signature: Option<&str>,
        signer: Option<&Key>,
    ) -> Result<Option<Signed>, String> {
        let required = self.required || signer.is_some();
        let file = format!("{plugin}.{EXTENSION}");
        let Some(text) = signature else {
            let by = if signer.is_some() { "its key (trust.minisign)" } else { "plugins.require_signature" };
            return match required {
                true => Err(format!(
                    "it is not signed: there is no {file}, and {by} requires one; sign it by `minisign -Sm {plugin}.wasm`"
                )),
                false => Ok(None),
            };
        };
        let no_signature = || format!("{file} is no signature of minisign");
        let decoded = Signature::decode(text).map_err(|_| no_signature())?;
        let id = text.lines().nth(1).and_then(KeyId::of).ok_or_else(no_signature)?;
        let trusted: Vec<&Key> = match signer {
            Some(signer) => vec![signer],
            None => self.keys.iter().collect(),
        };
        let mut known = trusted.iter().filter(|key| key.id == id).peekable();
        if known.peek().is_none() {
            let ids: Vec<String> = trusted.iter().map(|key| key.id.to_string()).collect();
            let place = if signer.is_some() { "trust.minisign" } else { "plugins.trusted_keys" };
            return match required {
                true => Err(format!("{file} is by the key {id}, which is not trusted; {place} has {}", listed(&ids))),
                false => Ok(Some(Signed { key: id.to_string(), trusted: false })),
            };
        }
        match known.any(|key| key.key.verify(bytes, &decoded, true).is_ok()) {
            true => Ok(Some(Signed { key: id.to_string(), trusted: true })),
            false => Err(format!(
                "{file} is not for this file: the file or the signature was changed, or they are of two versions; sign it again"
            )),
        }
    }
}

fn listed(ids: &[String]) -> String {
    if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    // From the documentation of minisign and its Rust library; the file is the text "test".
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const OTHER: &str = "RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/U";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
        trusted comment: timestamp:1633700835\tfile:test\tprehashed\n\
        wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==";

    fn trust(keys: &[&str], required: bool) -> Trust {
        Trust { keys: keys.iter().map(|key| Key::parse(key).unwrap()).collect(), required }
    }

    #[test]
    fn a_signature_holds_for_its_file_and_by_a_trusted_key_alone() {
        let other = Key::parse(OTHER).unwrap();
        let key = Key::parse(KEY).unwrap();
        let rows: [(&Trust, &[u8], Option<&str>, Option<&Key>, Result<Option<bool>, &str>); 11] = [
            (&trust(&[KEY], true), b"test", Some(SIGNATURE), None, Ok(Some(true))),
            (&trust(&[OTHER, KEY], false), b"test", Some(SIGNATURE), None, Ok(Some(true))),
            (&trust(&[], false), b"test", Some(SIGNATURE), None, Ok(Some(false))),
            (&trust(&[], false), b"test", None, None, Ok(None)),
            (
                &trust(&[KEY], true),
                b"test",
                None,
                None,
                Err("there is no a.wasm.minisig, and plugins.require_signature"),
            ),
            (&trust(&[KEY], false), b"Test", Some(SIGNATURE), None, Err("is not for this file")),
            (
                &trust(&[OTHER], true),
                b"test",
                Some(SIGNATURE),
                None,
                Err("by the key E7620F1842B4E81F, which is not trusted"),
            ),
            (&trust(&[KEY], false), b"test", Some("untrusted comment:\nx"), None, Err("is no signature of minisign")),
            (&trust(&[], false), b"test", Some(SIGNATURE), Some(&key), Ok(Some(true))),
            (&trust(&[KEY], false), b"test", Some(SIGNATURE), Some(&other), Err("trust.minisign has ")),
            (&trust(&[KEY], false), b"test", None, Some(&key), Err("its key (trust.minisign) requires one")),
        ];
        for (trust, bytes, signature, signer, expected) in rows {
            match (trust.check("a", bytes, signature, signer), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.map(|signed| signed.trusted), expected),
                (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
                (found, expected) => panic!("{found:?}, expected {expected:?}"),
            }
        }
        let forged = SIGNATURE.replace("file:test", "file:best");
        assert!(trust(&[KEY], true).check("a", b"test", Some(&forged), None).is_err(), "its comment is signed, too");
    }

    #[test]
    fn keys_are_read_as_minisign_writes_them() {
        assert_eq!(format!("{:?}", Key::parse(KEY).unwrap()), "Key(E7620F1842B4E81F)");
        for text in ["", "RWQ", "x y", &SIGNATURE[54..], &KEY[2..]] {
            assert!(Key::parse(text).is_err(), "{text}");
        }
    }
}
