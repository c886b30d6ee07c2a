//! Keys as JWK (RFC 7517), and which of them may have signed a token: the key's type decides, never the token alone.

use crate::base64url;
use wasmcast_plugin::serde_json::{self, Map, Value};

/// Signature algorithms (RFC 7518, RFC 8037). There is no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Hs256,
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl Algorithm {
    pub const ALL: [Self; 5] = [Self::Hs256, Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// The name in headers and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// By its name; RFC 9864 calls EdDSA with this curve Ed25519.
    pub fn named(name: &str) -> Option<Self> {
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The type of key, and curve, that it takes.
    fn wants(self) -> (&'static str, &'static str) {
        match self {
            Self::Hs256 => ("oct", ""),
            Self::Rs256 | Self::Ps256 => ("RSA", ""),
            Self::Es256 => ("EC", "P-256"),
            Self::EdDsa => ("OKP", "Ed25519"),
        }
    }
}

/// A key that checks signatures.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    id: Option<String>,
    kind: String,
    curve: String,
    /// The only algorithm that it is for, where it says so.
    only: Option<Algorithm>,
    /// The members that matter, for the host. No private parts.
    pub jwk: String,
}

impl Key {
    /// A shared secret, for HS256.
    pub fn secret(secret: &[u8]) -> Self {
        let jwk = serde_json::json!({ "kty": "oct", "k": base64url::encode(secret) }).to_string();
        Key { id: None, kind: "oct".to_owned(), curve: String::new(), only: Some(Algorithm::Hs256), jwk }
    }

    /// Reads one.
    ///
    /// # Errors
    /// Why it checks no signatures here.
    pub fn parse(jwk: &Value) -> Result<Self, String> {
        let text = |member: &str| jwk.get(member).and_then(Value::as_str);
        let kind = text("kty").ok_or("it has no `kty`")?;
        let curve = text("crv").unwrap_or_default();
        let fits = |algorithm: &Algorithm| algorithm.wants() == (kind, curve);
        if !Algorithm::ALL.iter().any(fits) {
            let curve = if curve.is_empty() { String::new() } else { format!(" on {curve}") };
            return Err(format!("it is of type {kind}{curve}; known are oct, RSA, EC on P-256, OKP on Ed25519"));
        }
        if let Some(usage) = text("use").filter(|usage| *usage != "sig") {
            return Err(format!("its `use` is `{usage}`, not `sig`"));
        }
        if let Some(operations) = jwk.get("key_ops").and_then(Value::as_array)
            && !operations.iter().any(|operation| operation == "verify")
        {
            return Err("its `key_ops` do not hold `verify`".to_owned());
        }
        let only = match text("alg") {
            Some(name) => Some(Algorithm::named(name).filter(fits).ok_or_else(|| format!("its `alg` is `{name}`"))?),
            None => None,
        };
        let members = ["kty", "crv", "kid", "alg", "k", "n", "e", "x", "y"];
        let kept: Map<String, Value> =
            members.iter().filter_map(|member| Some(((*member).to_owned(), jwk.get(*member)?.clone()))).collect();
        Ok(Key {
            id: text("kid").map(str::to_owned),
            kind: kind.to_owned(),
            curve: curve.to_owned(),
            only,
            jwk: Value::Object(kept).to_string(),
        })
    }

    /// Whether it is a shared secret, which no public list of keys may hold.
    pub fn is_secret(&self) -> bool {
        self.kind == "oct"
    }

    /// An algorithm that it can be used with.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.only.or_else(|| Algorithm::ALL.into_iter().find(|algorithm| self.takes(*algorithm)))
    }

    fn takes(&self, algorithm: Algorithm) -> bool {
        algorithm.wants() == (&*self.kind, &*self.curve) && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether it may have signed a token with this header. A token or key that names no key may be any.
    pub fn may_have_signed(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        self.takes(algorithm) && (id.is_none() || self.id.is_none() || self.id.as_deref() == id)
    }
}

/// The members of a key set, or the key alone.
pub fn members(document: &Value) -> Vec<&Value> {
    document.get("keys").and_then(Value::as_array).map_or_else(|| vec![document], |keys| keys.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_type_of_the_key_decides() {
        let keys = [
            json!({ "kty": "oct", "k": "AAAA" }),
            json!({ "kty": "RSA", "n": "AAAA", "e": "AQAB", "kid": "r" }),
            json!({ "kty": "RSA", "n": "AAAA", "e": "AQAB", "alg": "PS256" }),
            json!({ "kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "e" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA", "alg": "EdDSA" }),
        ];
        let keys: Vec<Key> = keys.iter().map(|key| Key::parse(key).unwrap()).collect();
        let rows: [(Algorithm, Option<&str>, &[usize]); 8] = [
            (Algorithm::Hs256, None, &[0]),
            (Algorithm::Hs256, Some("r"), &[0]),
            (Algorithm::Rs256, None, &[1]),
            (Algorithm::Rs256, Some("x"), &[]),
            (Algorithm::Ps256, Some("r"), &[1, 2]),
            (Algorithm::Es256, Some("e"), &[3]),
            (Algorithm::Es256, Some("r"), &[]),
            (Algorithm::EdDsa, Some("any"), &[4]),
        ];
        for (algorithm, id, expected) in rows {
            let found: Vec<usize> = (0..keys.len()).filter(|at| keys[*at].may_have_signed(algorithm, id)).collect();
            assert_eq!(found, expected, "{algorithm:?} {id:?}");
        }
        assert!(!Key::secret(b"x").may_have_signed(Algorithm::Rs256, None));
        assert_eq!(Key::secret(b"foo").jwk, r#"{"k":"Zm9v","kty":"oct"}"#);
    }

    #[test]
    fn keys_for_something_else_are_left_out() {
        let rows = [
            (json!({}), "no `kty`"),
            (json!({ "kty": "EC", "crv": "P-521" }), "EC on P-521"),
            (json!({ "kty": "OKP", "crv": "X25519" }), "OKP on X25519"),
            (json!({ "kty": "RSA", "use": "enc" }), "`use` is `enc`"),
            (json!({ "kty": "RSA", "key_ops": ["encrypt"] }), "`key_ops`"),
            (json!({ "kty": "RSA", "alg": "RSA-OAEP" }), "`alg` is `RSA-OAEP`"),
            (json!({ "kty": "RSA", "alg": "HS256" }), "`alg` is `HS256`"),
        ];
        for (key, expected) in rows {
            let error = Key::parse(&key).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn private_parts_go_no_further() {
        // RFC 8037, appendix A.1.
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        let key = Key::parse(&key).unwrap();
        assert_eq!(key.algorithm(), Some(Algorithm::EdDsa));
        assert_eq!(key.jwk, r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
        let (one, set) = (json!({ "kty": "oct" }), json!({ "keys": [{ "kty": "oct" }, { "kty": "RSA" }] }));
        assert_eq!((members(&one).len(), members(&set).len()), (1, 2));
    }
}
