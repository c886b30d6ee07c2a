//! A published key set (RFC 7517, 5): fetched by one instance, kept where all instances find it, last good one kept.

use crate::keys::{self, Key};
use crate::verified;
use std::time::Duration;
use wasmcast_plugin::prelude::*;
use wasmcast_plugin::serde_json::Value;

/// Time that the endpoint has; less than the time that `init` has.
const PATIENCE: Duration = milliseconds(1_500);
/// Least time between two questions for a key that is not in the set.
const PAUSE: Duration = seconds(10);

/// Keys by URL.
pub struct Jwks {
    url: String,
    refresh: Duration,
    kept: Kept,
    pub keys: Vec<Key>,
}

/// What all instances share.
#[derive(Default, Deserialize, Serialize)]
struct Kept {
    /// When it was fetched: seconds since 1970.
    at: u64,
    /// One JWK each.
    keys: Vec<String>,
}

impl Jwks {
    /// Keys that were not fetched yet.
    pub fn new(url: String, refresh: Duration) -> Self {
        Jwks { url, refresh, kept: Kept::default(), keys: Vec::new() }
    }

    /// Takes what another instance fetched; fetches when that is too old.
    ///
    /// # Errors
    /// When the endpoint gives no keys; those from before stay.
    pub fn refresh(&mut self) -> Result<()> {
        self.take()?;
        let now = clock::unix().as_secs();
        if self.keys.is_empty() || now.saturating_sub(self.kept.at) >= self.refresh.as_secs() {
            self.fetch(now)
        } else {
            Ok(())
        }
    }

    /// Looks for a key that is not there: it may be new. At most once in a while, over all instances.
    ///
    /// # Errors
    /// When there is no key at all, and the endpoint gives none.
    pub fn look_again(&mut self) -> Result<()> {
        self.take()?;
        if kv::increment_for(&format!("asked {}", self.url), 1, PAUSE)? > 1 {
            ensure!(
                !self.keys.is_empty(),
                "no keys from {} yet; asked for them less than {} s ago",
                self.url,
                PAUSE.as_secs()
            );
            return Ok(());
        }
        match self.fetch(clock::unix().as_secs()) {
            Err(error) if !self.keys.is_empty() => {
                warn!("the keys from before stay in use"; error);
                Ok(())
            }
            result => result,
        }
    }

    /// Takes what another instance fetched.
    fn take(&mut self) -> Result<()> {
        if let Some(kept) = kv::get_json::<Kept>(&self.name())?.filter(|kept| kept.at > self.kept.at) {
            self.keys = kept.keys.iter().filter_map(|jwk| Key::parse(&jwk.parse().ok()?).ok()).collect();
            self.kept = kept;
        }
        Ok(())
    }

    fn fetch(&mut self, now: u64) -> Result<()> {
        let response = http::get(self.url.as_str()).header("accept", "application/json").timeout(PATIENCE).send();
        let document: Value = response.with_context(|| format!("fetch the keys from {}", self.url))?.ok()?.json()?;
        let (keys, left_out) = usable(&document);
        let sound = |key: &Key| {
            verified::is_sound(key).inspect_err(|error| warn!("a key of the set is left out"; error)).is_ok()
        };
        let keys: Vec<Key> = keys.into_iter().filter(sound).collect();
        ensure!(!keys.is_empty(), "{} holds no key that can be used here; {left_out} were left out", self.url);
        let kept = Kept { at: now, keys: keys.iter().map(|key| key.jwk.clone()).collect() };
        if kept.keys != self.kept.keys {
            info!("keys fetched"; url = self.url, keys = keys.len(), left_out);
        }
        // Others fetch for themselves then.
        if let Err(error) = kv::put_json(&self.name(), &kept, None) {
            warn!("the keys can not be kept"; error);
        }
        (self.keys, self.kept) = (keys, kept);
        Ok(())
    }

    fn name(&self) -> String {
        format!("keys {}", self.url)
    }
}

/// The keys of a set that check signatures, and how many do not. A shared secret in public is none.
fn usable(document: &Value) -> (Vec<Key>, usize) {
    let all = keys::members(document);
    let usable: Vec<Key> = all.iter().filter_map(|key| Key::parse(key).ok()).filter(|key| !key.is_secret()).collect();
    let left_out = all.len() - usable.len();
    (usable, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmcast_plugin::serde_json::json;

    #[test]
    fn only_public_keys_for_signatures_are_taken() {
        let set = json!({ "keys": [
            { "kty": "RSA", "use": "sig", "n": "AAAA", "e": "AQAB", "kid": "1", "x5c": ["long"] },
            { "kty": "RSA", "use": "enc", "n": "AAAA", "e": "AQAB", "kid": "2" },
            { "kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA" },
            { "kty": "oct", "k": "AAAA" },
            { "kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "5" },
        ] });
        let (keys, left_out) = usable(&set);
        let jwks: Vec<&str> = keys.iter().map(|key| key.jwk.as_str()).collect();
        let first = r#"{"e":"AQAB","kid":"1","kty":"RSA","n":"AAAA"}"#;
        assert_eq!((jwks, left_out), (vec![first, r#"{"crv":"Ed25519","kid":"5","kty":"OKP","x":"AAAA"}"#], 3));
        assert!(usable(&json!({ "error": "x" })).0.is_empty());
    }
}
