//! The manifest's `[config]`, as the README describes it.

use crate::keys::{self, Algorithm, Key};
use wasmcast_plugin::prelude::*;
use wasmcast_plugin::serde_json::{self, Value};

/// What the operator wrote.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// A shared secret, for HS256.
    pub shared_secret: Option<String>,
    /// JWKs as tables, or the JSON of a key or key set as text.
    #[serde(default)]
    pub keys: Vec<Value>,
    /// Where a key set is published.
    pub jwks: Option<String>,
    #[serde(default = "refresh")]
    pub refresh_s: u64,
    /// Absent: all that the keys are for.
    pub algorithms: Option<Vec<String>>,
    #[serde(default)]
    pub issuer: OneOrMore,
    #[serde(default)]
    pub audience: OneOrMore,
    #[serde(default)]
    pub leeway_s: u64,
    #[serde(default = "yes")]
    pub expiry_required: bool,
    #[serde(default)]
    pub claims: Claims,
    /// What each valid token may, whatever its claims.
    #[serde(default)]
    pub everyone: Everyone,
    /// Claims that become tags of the session.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What becomes of sessions without a JWT.
    #[serde(default)]
    pub others: Others,
}

/// Which claim says what.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default = "Claims::default", rename_all = "kebab-case")]
pub struct Claims {
    pub subject: String,
    pub publish: String,
    pub play: String,
    pub admin: String,
    pub max_bitrate_kbps: String,
    pub max_viewers: String,
}

impl Default for Claims {
    fn default() -> Self {
        let of_ours = |name: &str| format!("wasmcast.{name}");
        Claims {
            subject: "sub".to_owned(),
            publish: of_ours("publish"),
            play: of_ours("play"),
            admin: of_ours("admin"),
            max_bitrate_kbps: of_ours("max_bitrate_kbps"),
            max_viewers: of_ours("max_viewers"),
        }
    }
}

/// Patterns over stream names.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default = "Everyone::default")]
pub struct Everyone {
    pub publish: Vec<String>,
    pub play: Vec<String>,
}

/// A text or a list of them.
#[derive(Default, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    #[default]
    None,
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    /// As a list.
    pub fn all(self) -> Vec<String> {
        match self {
            OneOrMore::None => Vec::new(),
            OneOrMore::One(one) => vec![one],
            OneOrMore::More(all) => all,
        }
    }
}

/// What becomes of sessions without a JWT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Others {
    #[default]
    Deny,
    /// The next plugin, then the static rules decide.
    Abstain,
}

fn refresh() -> u64 {
    300
}

fn yes() -> bool {
    true
}

impl Config {
    /// The keys that it holds itself.
    ///
    /// # Errors
    /// A key that can not be used, or none at all.
    pub fn fixed(&self) -> Result<Vec<Key>> {
        /// HS256 wants a key as long as its hash (RFC 7518, 3.2).
        const SHORTEST: usize = 32;
        let mut fixed = Vec::new();
        if let Some(secret) = &self.shared_secret {
            let length = secret.len();
            ensure!(length >= SHORTEST, "config: `shared-secret` has {length} bytes; HS256 wants {SHORTEST} at least");
            fixed.push(Key::secret(secret.as_bytes()));
        }
        for (index, entry) in self.keys.iter().enumerate() {
            let read;
            let document = match entry {
                Value::String(text) => {
                    // Its own words could show a part of the key.
                    read = serde_json::from_str(text).ok();
                    read.as_ref().with_context(|| format!("config: `keys[{index}]` is no JSON"))?
                }
                other => other,
            };
            for key in keys::members(document) {
                fixed.push(Key::parse(key).map_err(|why| Error::new(format!("config: `keys[{index}]`: {why}")))?);
            }
        }
        ensure!(!fixed.is_empty() || self.jwks.is_some(), "config: no key: set `shared-secret`, `keys` or `jwks`");
        Ok(fixed)
    }

    /// The algorithms that tokens may use.
    ///
    /// # Errors
    /// One that is not known.
    pub fn accepted(&self) -> Result<Vec<Algorithm>> {
        let Some(names) = &self.algorithms else { return Ok(Algorithm::ALL.to_vec()) };
        let known = || Algorithm::ALL.map(Algorithm::name).join(", ");
        let named = |name: &String| {
            Algorithm::named(name).with_context(|| format!("config: `algorithms`: `{name}` is none of {}", known()))
        };
        names.iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(config: Value) -> Result<Config> {
        Ok(serde_json::from_value(config)?)
    }

    #[test]
    fn keys_come_in_several_shapes() {
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" });
        let rows = [
            (json!({ "shared-secret": "x".repeat(32) }), Ok(1)),
            (json!({ "shared-secret": "x".repeat(32), "keys": [jwk, jwk.to_string()] }), Ok(3)),
            (json!({ "keys": [json!({ "keys": [jwk, jwk] }).to_string()] }), Ok(2)),
            (json!({ "jwks": "https://id.example/jwks" }), Ok(0)),
            (json!({ "shared-secret": "short" }), Err("`shared-secret` has 5 bytes")),
            (json!({}), Err("no key: set `shared-secret`, `keys` or `jwks`")),
            (json!({ "keys": ["-----BEGIN"] }), Err("`keys[0]` is no JSON")),
            (json!({ "keys": [jwk, { "kty": "EC", "crv": "P-384" }] }), Err("`keys[1]`: it is of type EC on P-384")),
        ];
        for (config, expected) in rows {
            match (read(config).unwrap().fixed(), expected) {
                (Ok(fixed), Ok(count)) => assert_eq!(fixed.len(), count),
                (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn algorithms_are_a_list_of_known_names() {
        let with = |algorithms: Value| read(json!({ "algorithms": algorithms })).unwrap().accepted();
        assert_eq!(with(json!(["EdDSA", "ES256"])).unwrap(), [Algorithm::EdDsa, Algorithm::Es256]);
        assert_eq!(read(json!({})).unwrap().accepted().unwrap().len(), 5);
        let error = with(json!(["none"])).unwrap_err().to_string();
        assert!(error.contains("`none` is none of HS256, RS256"), "{error}");
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        assert!(read(json!({ "isuer": "a" })).is_err());
        assert!(read(json!({ "claims": { "sub": "a" } })).is_err());
        assert!(read(json!({ "issuer": ["a", "b"], "audience": "c", "others": "abstain" })).is_ok());
    }
}
