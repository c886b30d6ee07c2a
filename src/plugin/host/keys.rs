//! Keys as JWK (RFC 7517): read once, kept for the next signature, shared by all plugins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::agreement;
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

/// Keys kept: a plugin has a handful, up to some dozens from a JWKS.
const MAX_KEYS: usize = 256;
/// Longest JWK that is read, in bytes; one of RSA with 8,192 bits and a certificate has some 6 KiB.
const MAX_JWK: usize = 16 << 10;
/// Shortest HMAC key: as long as the hash (RFC 7518, 3.2).
const MIN_HMAC: usize = 32;
/// RSA moduli, in bits: the least of RFC 7518, 3.3, and the most that is checked in reasonable time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// Longest public exponent of RSA, in bytes; 65,537 has three.
const MAX_EXPONENT: usize = 4;

/// Algorithms for signatures (RFC 7518, 3.1; RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

/// A key can not be used, or not for this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error("`{0}` is no algorithm that is checked here; there are HS256, RS256, PS256, ES256 and EdDSA")]
    Algorithm(String),
    #[error("the JWK has {0} bytes, at most {MAX_JWK} are read; pass a single key, not a set")]
    TooLong(usize),
    #[error("the JWK is no JSON object with string members (line {line}, column {column})")]
    Json { line: usize, column: usize },
    #[error("the JWK has no `{0}`")]
    Missing(&'static str),
    #[error("the JWK's `{0}` is no base64url without padding")]
    Base64(&'static str),
    #[error("the JWK's `{member}` is `{value}`; known are {known}")]
    Unknown { member: &'static str, value: String, known: &'static str },
    #[error("the JWK is no valid key: {0}")]
    Malformed(&'static str),
    #[error("the JWK is too weak: {0}")]
    Weak(&'static str),
    #[error("the JWK is a key of type {is}, {algorithm} wants {wants}")]
    Type { algorithm: &'static str, is: &'static str, wants: &'static str },
    #[error("the JWK is meant for something else: its `{member}` is `{value}`, asked for was {algorithm}")]
    Purpose { member: &'static str, value: String, algorithm: &'static str },
}

/// A key, ready to check signatures.
pub(super) struct Key {
    material: Material,
    /// The only algorithm that it is meant for.
    algorithm: Option<String>,
}

enum Material {
    Hmac(hmac::Key),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// Uncompressed point.
    P256([u8; 65]),
    Ed25519([u8; 32]),
}

/// What was read, by the hash of its text.
#[derive(Default)]
pub(super) struct Keys {
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    keys: HashMap<[u8; 32], (Arc<Key>, u64)>,
    /// Counts up with each use.
    uses: u64,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Algorithm::Hs256 => "HS256",
            Algorithm::Rs256 => "RS256",
            Algorithm::Ps256 => "PS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }

    /// The kind of key that it wants.
    fn wants(self) -> &'static str {
        match self {
            Algorithm::Hs256 => "oct",
            Algorithm::Rs256 | Algorithm::Ps256 => "RSA",
            Algorithm::Es256 => "EC P-256",
            Algorithm::EdDsa => "OKP Ed25519",
        }
    }
}

impl FromStr for Algorithm {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        let all = [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];
        let found = all.into_iter().find(|algorithm| algorithm.name() == name);
        found.ok_or_else(|| KeyError::Algorithm(shown(name)))
    }
}

impl Keys {
    /// The key that this text stands for.
    pub(super) fn get(&self, jwk: &str) -> Result<Arc<Key>, KeyError> {
        if jwk.len() > MAX_JWK {
            return Err(KeyError::TooLong(jwk.len()));
        }
        let id: [u8; 32] = digest(&SHA256, jwk.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes");
        if let Some(key) = self.cache.lock().expect("no holder of this lock panics").find(&id) {
            return Ok(key);
        }
        let key = Arc::new(jwk.parse::<Key>()?);
        self.cache.lock().expect("no holder of this lock panics").insert(id, key.clone());
        Ok(key)
    }
}

impl Cache {
    fn find(&mut self, id: &[u8; 32]) -> Option<Arc<Key>> {
        self.uses += 1;
        let (key, used) = self.keys.get_mut(id)?;
        *used = self.uses;
        Some(key.clone())
    }

    fn insert(&mut self, id: [u8; 32], key: Arc<Key>) {
        if self.keys.len() >= MAX_KEYS {
            let oldest = self.keys.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id);
            oldest.map(|id| self.keys.remove(&id));
        }
        self.keys.insert(id, (key, self.uses));
    }
}

/// The members that matter here.
#[derive(Deserialize)]
struct Jwk<'a> {
    #[serde(borrow)]
    kty: Option<Cow<'a, str>>,
    #[serde(borrow)]
    crv: Option<Cow<'a, str>>,
    #[serde(borrow)]
    k: Option<Cow<'a, str>>,
    #[serde(borrow)]
    n: Option<Cow<'a, str>>,
    #[serde(borrow)]
    e: Option<Cow<'a, str>>,
    #[serde(borrow)]
    x: Option<Cow<'a, str>>,
    #[serde(borrow)]
    y: Option<Cow<'a, str>>,
    #[serde(borrow)]
    alg: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "use")]
    usage: Option<Cow<'a, str>>,
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // The parser's own words could show a part of the key.
        let jwk: Jwk<'_> = serde_json::from_str(text)
            .map_err(|error| KeyError::Json { line: error.line(), column: error.column() })?;
        if let Some(usage) = jwk.usage.as_deref()
            && usage != "sig"
        {
            return Err(KeyError::Unknown { member: "use", value: shown(usage), known: "sig" });
        }
        let curve = |known: &'static str| match jwk.crv.as_deref() {
            Some(curve) if curve == known => Ok(()),
            Some(curve) => Err(KeyError::Unknown { member: "crv", value: shown(curve), known }),
            None => Err(KeyError::Missing("crv")),
        };
        let material = match jwk.kty.as_deref() {
            Some("oct") => hmac_key(&bytes("k", jwk.k.as_deref())?)?,
            Some("RSA") => rsa_key(bytes("n", jwk.n.as_deref())?, bytes("e", jwk.e.as_deref())?)?,
            Some("EC") => {
                curve("P-256")?;
                p256_key(&bytes("x", jwk.x.as_deref())?, &bytes("y", jwk.y.as_deref())?)?
            }
            Some("OKP") => {
                curve("Ed25519")?;
                let point = bytes("x", jwk.x.as_deref())?;
                Material::Ed25519(point.try_into().map_err(|_| KeyError::Malformed("`x` of Ed25519 has 32 bytes"))?)
            }
            Some(other) => {
                return Err(KeyError::Unknown { member: "kty", value: shown(other), known: "oct, RSA, EC and OKP" });
            }
            None => return Err(KeyError::Missing("kty")),
        };
        Ok(Key { material, algorithm: jwk.alg.as_deref().map(shown) })
    }
}

impl Key {
    /// Whether this is the signature of the message.
    ///
    /// # Errors
    /// When the key is not for this algorithm.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<bool, KeyError> {
        let name = algorithm.name();
        if let Some(meant) = self.algorithm.as_deref()
            // RFC 9864 names the curve.
            && meant != name && !(algorithm == Algorithm::EdDsa && meant == "Ed25519")
        {
            return Err(KeyError::Purpose { member: "alg", value: meant.to_owned(), algorithm: name });
        }
        let verified = match (algorithm, &self.material) {
            (Algorithm::Hs256, Material::Hmac(key)) => hmac::verify(key, message, signature),
            (Algorithm::Rs256, Material::Rsa(key)) => {
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Algorithm::Ps256, Material::Rsa(key)) => {
                key.verify(&signature::RSA_PSS_2048_8192_SHA256, message, signature)
            }
            (Algorithm::Es256, Material::P256(point)) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Algorithm::EdDsa, Material::Ed25519(point)) => {
                UnparsedPublicKey::new(&signature::ED25519, point).verify(message, signature)
            }
            (_, material) => {
                return Err(KeyError::Type { algorithm: name, is: material.name(), wants: algorithm.wants() });
            }
        };
        Ok(verified.is_ok())
    }
}

impl Material {
    fn name(&self) -> &'static str {
        match self {
            Material::Hmac(_) => "oct",
            Material::Rsa(_) => "RSA",
            Material::P256(_) => "EC P-256",
            Material::Ed25519(_) => "OKP Ed25519",
        }
    }
}

fn hmac_key(bytes: &[u8]) -> Result<Material, KeyError> {
    if bytes.len() < MIN_HMAC {
        return Err(KeyError::Weak("a key for HS256 has at least 32 bytes (RFC 7518, 3.2)"));
    }
    Ok(Material::Hmac(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
}

fn rsa_key(n: Vec<u8>, e: Vec<u8>) -> Result<Material, KeyError> {
    let (n, e) = (without_zeros(n), without_zeros(e));
    let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    if bits < *RSA_BITS.start() {
        return Err(KeyError::Weak("an RSA key has at least 2,048 bits"));
    }
    if bits > *RSA_BITS.end() {
        return Err(KeyError::Malformed("an RSA key has at most 8,192 bits"));
    }
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !odd(&n) {
        return Err(KeyError::Malformed("`n` is even"));
    }
    if !odd(&e) || e == [1] || e.len() > MAX_EXPONENT {
        return Err(KeyError::Malformed("`e` is odd, at least 3 and below 2^32; nearly always it is AQAB"));
    }
    Ok(Material::Rsa(RsaPublicKeyComponents { n, e }))
}

fn p256_key(x: &[u8], y: &[u8]) -> Result<Material, KeyError> {
    if x.len() != 32 || y.len() != 32 {
        return Err(KeyError::Malformed("`x` and `y` of P-256 have 32 bytes"));
    }
    let mut point = [4; 65];
    point[1..33].copy_from_slice(x);
    point[33..].copy_from_slice(y);
    // An agreement with the key fails when its point is not on the curve; a signature would only fail to match.
    let ours = agreement::EphemeralPrivateKey::generate(&agreement::ECDH_P256, &SystemRandom::new());
    let theirs = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, point);
    ours.and_then(|ours| agreement::agree_ephemeral(ours, &theirs, |_| ()))
        .map_err(|_| KeyError::Malformed("`x` and `y` are no point on the curve P-256"))?;
    Ok(Material::P256(point))
}

fn bytes(member: &'static str, value: Option<&str>) -> Result<Vec<u8>, KeyError> {
    let value = value.ok_or(KeyError::Missing(member))?;
    URL_SAFE_NO_PAD.decode(value).map_err(|_| KeyError::Base64(member))
}

fn without_zeros(mut number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.drain(..zeros);
    number
}

/// A word of a guest for a message.
fn shown(word: &str) -> String {
    word.chars().take(40).collect::<String>().escape_debug().to_string()
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, A.1 to A.3: all sign this payload.
    const CLAIMS: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const OCT: &str =
        r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
    const RSA: &str = r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#;
    const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    /// RFC 8037, A.2.
    const OKP: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// Made with OpenSSL.
    const PSS: &str = r#"{"kty":"RSA","alg":"PS256","use":"sig","e":"AQAB","n":"pPy4R5QL55EUg23d7441MyNB04UgL7NYRPGdnpWDcYSW8D89q9vi20wMstKM4Alo_AJMgjwo9Mun_a1j1qGIEEdjjY0YorfiqlvtDzylCtm_CQ477PX4oo1qmzluXoy3t2uJed6Bu2uQdYf7GxpO9nIgenwFgfFy70HNOgbx5Nwt73mn6uMvxb3GQvQ4iU5LiNqAlnqCIk5SLudkV7aQ-ARFVMudQ2TAG0ibkSzVlQAt_nBJRDKwsauNPaOIADvadrSlL721MSlQuzVmNlVCUTzT51yKCUJBkQx4grA6l-bnPd0I28fVfg764ZcvrpmAcb3Hz4Vx7orEAooe47VCTQ"}"#;
    const RSA_1024: &str = r#"{"kty":"RSA","e":"AQAB","n":"sypbuN_LkNLrTbuSAbaKwYCi9zrCqpIZH1FVf2drg1qVZd2telp-LdlG6lw5x2_-ZbAvHwgADmYDNLtp0PsbDCgA93qG_tmrFLwWyzHKyBlsjIiIVnA3l6Y_9Z8Dgu-HZjg5OZsgzVfD_TB-Z5CbzWPmFSOVGx-O8_8py5NCxME"}"#;

    const VECTORS: [(&str, &str, &str, Option<&str>, &str); 5] = [
        ("HS256", OCT, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", None, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        (
            "RS256",
            RSA,
            "eyJhbGciOiJSUzI1NiJ9",
            None,
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        (
            "PS256",
            PSS,
            "eyJhbGciOiJQUzI1NiJ9",
            Some("RXhhbXBsZQ"),
            "ELamog-bDqTnZ_Cx9hSUSJXrLjFSNsDwGocgDNRMndhTq-8xv__c-tFFJU7Iu3SDo4RO6dDyqNkKvHIaw6Z0Y0MB0Y3ER0dATRO6An83Z2Bw9bBeYtJLurjtjLr31Uhg9ayws7I_igQJPWRjw-k7WaMDhmbCRUctPd_doPJe5uAPlJfgKHGqwa0IYvYt-CKNJHY_FS7vpNfQU5DMGumj11SaroJq4erJpf68tMJ6JydsFEodgsJzt9DFu-ypOYim0hNbJsjQ5wyV9E_S1U1TuC_duJYtgiPVx5YZCYUlMIRCVSFa8ax_Qbnx2Qx_DDpF0ZLq8u73BragRijwDTAX5A",
        ),
        (
            "ES256",
            EC,
            "eyJhbGciOiJFUzI1NiJ9",
            None,
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        (
            "EdDSA",
            OKP,
            "eyJhbGciOiJFZERTQSJ9",
            Some("RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];

    fn verify(keys: &Keys, algorithm: &str, jwk: &str, message: &[u8], signature: &[u8]) -> Result<bool, KeyError> {
        keys.get(jwk)?.verify(algorithm.parse()?, message, signature)
    }

    #[test]
    fn signatures_of_the_standards_match_and_others_do_not() {
        let keys = Keys::default();
        for (algorithm, jwk, header, payload, signature) in VECTORS {
            let message = format!("{header}.{}", payload.unwrap_or(CLAIMS));
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            let check = |message: &[u8], signature: &[u8]| verify(&keys, algorithm, jwk, message, signature).unwrap();
            assert!(check(message.as_bytes(), &signature), "{algorithm}");
            assert!(!check(&message.as_bytes()[1..], &signature), "{algorithm}");
            assert!(!check(message.as_bytes(), &[]), "{algorithm}");
            assert!(!check(message.as_bytes(), &signature[1..]), "{algorithm}");
            let mut broken = signature.clone();
            broken[5] ^= 1;
            assert!(!check(message.as_bytes(), &broken), "{algorithm}");
        }
    }

    #[test]
    fn a_key_serves_only_its_algorithms() {
        let keys = Keys::default();
        for (_, jwk, ..) in VECTORS {
            for (algorithm, ..) in VECTORS {
                let wants = algorithm.parse::<Algorithm>().unwrap().wants();
                let key = keys.get(jwk).unwrap();
                let fits = key.material.name() == wants && (jwk != PSS || algorithm == "PS256");
                assert_eq!(verify(&keys, algorithm, jwk, b"", b"").is_ok(), fits, "{algorithm} {jwk}");
            }
        }
        for none in ["none", "", "hs256", "HS384", "RS512", "ES256K"] {
            assert_eq!(verify(&keys, none, OCT, b"", b""), Err(KeyError::Algorithm(none.into())));
        }
        let named = OKP.replace("\"kty\"", "\"alg\":\"Ed25519\",\"kty\"");
        assert_eq!(verify(&keys, "EdDSA", &named, b"", &[0; 64]), Ok(false));
    }

    #[test]
    fn unusable_keys_are_refused_in_words() {
        let rows = [
            ("", "no JSON object"),
            ("[]", "no JSON object"),
            ("{}", "no `kty`"),
            (r#"{"kty":1}"#, "no JSON object"),
            (r#"{"kty":"oct"}"#, "no `k`"),
            (r#"{"kty":"oct","k":"c2hvcnQ"}"#, "at least 32 bytes"),
            (r#"{"kty":"oct","k":"not base64!"}"#, "`k` is no base64url"),
            (r#"{"kty":"AKP"}"#, "`kty` is `AKP`; known are oct, RSA, EC and OKP"),
            (RSA_1024, "at least 2,048 bits"),
            (&RSA.replace("AQAB", "AQ"), "`e` is odd"),
            (&RSA.replace("AQAB", "BA"), "`e` is odd"),
            (&RSA.replace("AQAB", "AQAAAAE"), "`e` is odd"),
            (&RSA.replace("yuXpoQ", "yuXpog"), "`n` is even"),
            (&format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#, "_".repeat(1_400)), "at most 8,192 bits"),
            (&EC.replace("P-256", "P-384"), "`crv` is `P-384`; known are P-256"),
            (&EC.replace("VEU", "VEQ"), "no point on the curve"),
            (&EC.replace("f83O", ""), "have 32 bytes"),
            (&OKP.replace("11qY", ""), "has 32 bytes"),
            (&OKP.replace("Ed25519", "X25519"), "`crv` is `X25519`"),
            (&OKP.replace("\"kty\"", "\"use\":\"enc\",\"kty\""), "`use` is `enc`"),
            (&"x".repeat(MAX_JWK + 1), "16385 bytes"),
        ];
        for (jwk, words) in rows {
            let error = Keys::default().get(jwk).err().unwrap_or_else(|| panic!("{jwk} is taken")).to_string();
            assert!(error.contains(words), "{jwk}: {error}");
        }
        // The parser's own message would repeat the member's value.
        let error = Keys::default().get(r#"{"kty":"oct","k":["hush"]}"#).err().unwrap().to_string();
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn keys_are_read_once_and_kept_within_bounds() {
        let keys = Keys::default();
        let first = keys.get(OCT).unwrap();
        let jwk = |number: usize| OCT.replace("\"kty\"", &format!("\"kid\":\"{number}\",\"kty\""));
        for number in 0..3 * MAX_KEYS {
            keys.get(&jwk(number)).unwrap();
            assert!(Arc::ptr_eq(&first, &keys.get(OCT).unwrap()), "what is used stays");
        }
        assert_eq!(keys.cache.lock().unwrap().keys.len(), MAX_KEYS);
    }
}
