//! Secrets that must be told to somebody else, such as a password of a TURN server: kept in the clear, never printed.

use super::secret::{InvalidSecret, MASK, Origin, read_file};
use std::fmt;
use std::path::{Path, PathBuf};

/// A secret text. It shows itself as `***`, or as the reference it came from.
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    text: String,
    origin: Origin,
}

impl Password {
    /// Reads `file:PATH`, `env:NAME` or the text itself.
    ///
    /// # Errors
    /// When file or variable can not be read, or the text is what `config show` prints in its place.
    pub fn read(text: &str) -> Result<Self, InvalidSecret> {
        if let Some(path) = text.strip_prefix("file:") {
            let path = PathBuf::from(path);
            return Ok(Password { text: read_file(&path)?, origin: Origin::File(path) });
        }
        if let Some(name) = text.strip_prefix("env:") {
            let content = std::env::var(name).ok().filter(|content| !content.trim().is_empty());
            let content = content.ok_or_else(|| InvalidSecret::Environment(name.to_owned()))?;
            return Ok(Password { text: content.trim().to_owned(), origin: Origin::Environment(name.to_owned()) });
        }
        match text {
            MASK => Err(InvalidSecret::Masked),
            "" => Err(InvalidSecret::Empty),
            _ => Ok(Password { text: text.to_owned(), origin: Origin::Inline }),
        }
    }

    /// The secret in the clear.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The file that it came from, so that a change of it can be seen.
    pub fn file(&self) -> Option<&Path> {
        self.origin.file()
    }
}

impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin.fmt(f)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Password({self})")
    }
}

impl serde::Serialize for Password {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Password {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Password::read(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_from_where_it_is_kept_and_never_shown() {
        let inline = Password::read("open sesame").unwrap();
        assert_eq!(inline.reveal(), "open sesame");
        let path = std::env::temp_dir().join(format!("wasmcast-password-{}", std::process::id()));
        std::fs::write(&path, "open sesame\n").unwrap();
        let from_file = Password::read(&format!("file:{}", path.display())).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((from_file.reveal(), from_file.file()), ("open sesame", Some(path.as_path())));
        for password in [&inline, &from_file] {
            assert!(!format!("{password} {password:?}").contains("sesame"), "{password:?}");
        }
        assert_eq!((inline.to_string(), from_file.to_string()), ("***".to_owned(), format!("file:{}", path.display())));
        for text in ["", "***", "env:WASMCAST_NO_SUCH_VARIABLE", "file:/no/such/file"] {
            assert!(Password::read(text).is_err(), "{text}");
        }
    }
}
