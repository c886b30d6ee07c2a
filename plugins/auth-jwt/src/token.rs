//! The outside of a token (RFC 7515, compact): algorithm, key and what is signed. Nothing in it is trusted yet.

use crate::base64url;
use crate::keys::Algorithm;
use wasmcast_plugin::prelude::*;
use wasmcast_plugin::serde_json::{self, Value};

/// Longest token that is read, in bytes.
const MAX: usize = 8 << 10;

/// A token before its signature is checked.
#[derive(Debug)]
pub struct Token<'a> {
    pub algorithm: Algorithm,
    /// Which key signed it.
    pub key: Option<String>,
    /// Header and claims as they were signed.
    pub signed: &'a str,
    pub signature: Vec<u8>,
    claims: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    #[serde(default)]
    crit: Option<Value>,
}

/// Whether a credential is a JWT at all, and not another kind of token: three parts, the first of them a JSON object.
pub fn is_one(credential: &str) -> bool {
    credential.starts_with("eyJ") && credential.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl<'a> Token<'a> {
    /// Takes it apart.
    ///
    /// # Errors
    /// What is wrong with it, for the log.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        if text.len() > MAX {
            return Err(format!("it has {} bytes, at most {MAX} are read", text.len()));
        }
        let (signed, signature) = text.rsplit_once('.').ok_or("it has no signature")?;
        let (header, claims) = signed.split_once('.').ok_or("it has no claims")?;
        let part = |text, name| base64url::decode(text).ok_or_else(|| format!("its {name} is no base64url"));
        let header: Header =
            serde_json::from_slice(&part(header, "header")?).map_err(|error| format!("its header: {error}"))?;
        if header.crit.is_some() {
            return Err("its header has `crit`, which wants extensions that are not known here".to_owned());
        }
        let algorithm = Algorithm::named(&header.alg).ok_or_else(|| {
            let name: String = header.alg.chars().take(20).collect();
            format!("its algorithm `{}` is not accepted", name.escape_debug())
        })?;
        Ok(Token {
            algorithm,
            key: header.kid,
            signed,
            signature: part(signature, "signature")?,
            claims: part(claims, "claims")?,
        })
    }

    /// What it says. Ask only after its signature was checked.
    ///
    /// # Errors
    /// When that is no JSON object.
    pub fn claims(&self) -> Result<Value, String> {
        let claims: Value = serde_json::from_slice(&self.claims).map_err(|error| format!("its claims: {error}"))?;
        if claims.is_object() { Ok(claims) } else { Err("its claims are no JSON object".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, appendix A.1.
    const HS256: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    #[test]
    fn the_example_of_the_rfc_is_taken_apart() {
        assert!(is_one(HS256));
        let token = Token::parse(HS256).unwrap();
        assert_eq!((token.algorithm, token.key.as_deref(), token.signature.len()), (Algorithm::Hs256, None, 32));
        assert!(HS256.starts_with(token.signed) && token.signed.ends_with("p0cnVlfQ"));
        let claims = token.claims().unwrap();
        assert_eq!((claims["iss"].as_str(), claims["exp"].as_u64()), (Some("joe"), Some(1_300_819_380)));
    }

    #[test]
    fn the_example_of_rfc_8037_is_taken_apart() {
        let text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let token = Token::parse(text).unwrap();
        assert_eq!((token.algorithm, token.signature.len()), (Algorithm::EdDsa, 64));
        assert!(token.claims().unwrap_err().starts_with("its claims: "), "its payload is plain text");
    }

    #[test]
    fn others_are_told_apart_or_refused() {
        for other in ["", "opaque", "a.b.c", "eyJ.a", "eyJ.a.b.c.d", "sha256:00"] {
            assert!(!is_one(other), "{other}");
        }
        let with = |header: &str| format!("{}.e30.AAAA", base64url::encode(header.as_bytes()));
        let rows = [
            (with(r#"{"alg":"none"}"#), "`none` is not accepted"),
            (with(r#"{"alg":"NONE"}"#), "`NONE` is not accepted"),
            (with(r#"{"alg":"hs256"}"#), "`hs256` is not accepted"),
            (with(r#"{"alg":"HS512"}"#), "`HS512` is not accepted"),
            (with(r#"{"alg":"HS256","crit":["b64"]}"#), "`crit`"),
            (with(r#"{"typ":"JWT"}"#), "missing field `alg`"),
            (with(r#"{"alg":["HS256"]}"#), "its header: "),
            ("eyJ!.e30.AAAA".to_owned(), "its header is no base64url"),
            (with(r#"{"alg":"HS256"}"#) + "=", "its signature is no base64url"),
            ("eyJ.".to_owned() + &"A".repeat(9_000), "at most 8192 are read"),
        ];
        for (text, expected) in rows {
            let error = Token::parse(&text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
