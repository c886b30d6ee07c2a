//! Hides the secrets of a plugin's manifest in what the plugin says: in its failures, log lines, events and labels.

use std::fmt;

/// What stands in a secret's place.
const MASK: &str = "***";
/// Shorter secrets, and shorter parts of secrets, are not looked for: they would be found in ordinary words.
const SHORTEST: usize = 6;

/// The secrets of one plugin.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Mask {
    /// The longest first, so that no rest of one is left.
    secrets: Vec<String>,
}

impl Mask {
    /// Hides these secrets; of those that are URLs also user, path, query and fragment alone, as they stand and decoded.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Vec::new();
        for secret in secrets {
            forms(secret, &mut all);
            // A key of several lines is shown line by line.
            for line in secret.lines() {
                forms(line.trim(), &mut all);
            }
            for part in url_parts(secret) {
                forms(part, &mut all);
            }
        }
        all.retain(|secret| secret.len() >= SHORTEST);
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Mask { secrets: all }
    }

    /// Both secrets.
    pub fn and(&self, other: &Mask) -> Self {
        Mask::new(self.secrets.iter().chain(&other.secrets).map(String::as_str))
    }

    /// The text without secrets.
    pub fn hide(&self, text: String) -> String {
        let mut text = text;
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
        }
        text
    }
}

/// How many there are, and none of them.
impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({})", self.secrets.len())
    }
}

/// As it stands, percent-decoded, percent-encoded, and as debug output writes it.
fn forms(secret: &str, all: &mut Vec<String>) {
    all.push(secret.to_owned());
    all.extend(decoded(secret));
    all.push(encoded(secret));
    all.push(secret.escape_debug().to_string());
}

/// User, path, query and fragment of a URL, and the values of its query.
fn url_parts(secret: &str) -> Vec<&str> {
    let Some((_, rest)) = secret.split_once("://") else { return Vec::new() };
    let mut parts = Vec::new();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some((user, _)) = authority.rsplit_once('@') {
        parts.push(user);
        parts.extend(user.split(':'));
    }
    if let Some(path) = rest[authority.len()..].split(['?', '#']).next() {
        parts.push(path);
    }
    if let Some((_, query)) = rest.split_once(['?', '#']) {
        parts.push(query);
        let pairs = query.split(['&', ';', '#', '?']);
        parts.extend(pairs.map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value)));
    }
    parts
}

/// None where nothing is encoded.
fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push(high << 4 | low);
                at += 3;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(plain).ok().filter(|plain| plain != text)
}

fn encoded(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if unreserved(byte) { encoded.push(char::from(byte)) } else { encoded += &format!("%{byte:02X}") }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_a_secret_is_left() {
        let hook = "http://127.0.0.1:9/auth?key=HOOK%20SECRET&room=1";
        let rows = [
            ("TOP-S3CRET", "unknown variant `TOP-S3CRET`", "unknown variant `***`"),
            (hook, &format!("ask {hook}: refused"), "ask ***: refused"),
            (hook, "POST /auth?key=HOOK%20SECRET&room=1", "POST /auth?***"),
            (hook, "key HOOK SECRET, key=HOOK%20SECRET", "key ***, key=***"),
            ("https://bob:hunter22@id.example/", "user bob, password hunter22", "user bob, password ***"),
            ("https://hooks.example/T00/B00/xyzzy", "POST https://hooks.example/T00/B00/xyzzy/", "POST ***/"),
            ("https://hooks.example/T00/B00/xyzzy", "POST /T00/B00/xyzzy", "POST ***"),
            ("pass word/1", "?p=pass%20word%2F1", "?p=***"),
            ("say \"friend\"", "token: \"say \\\"friend\\\"\"", "token: \"***\""),
            ("-----BEGIN\nMIIEvQIBADAN\n", "line MIIEvQIBADAN is bad", "line *** is bad"),
            ("short", "a short word", "a short word"),
            ("", "nothing", "nothing"),
        ];
        for (secret, text, expected) in rows {
            assert_eq!(Mask::new([secret]).hide(text.to_owned()), expected, "{secret}");
        }
        let both = Mask::new(["first-secret"]).and(&Mask::new(["first-secret-and-more"]));
        assert_eq!(both.hide("first-secret-and-more first-secret".to_owned()), "*** ***");
        assert_eq!(format!("{both:?}").find("secret"), None);
    }
}
