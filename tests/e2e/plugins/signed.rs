//! JSON Web Tokens of the tests' own, signed by each kind of key.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ring::{hmac, rand};
use serde_json::{Value, json};

/// For HS256.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A key that signs.
pub enum Signer {
    Hs256(Vec<u8>),
    Rs256(Box<RsaKeyPair>),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token for a link: HS256, good for so many seconds.
pub fn link(seconds: f64, grants: &Value) -> String {
    let claims = json!({ "sub": "alice", "exp": now() + seconds, "plan": "gold", "wasmcast": grants });
    Signer::secret().sign(None, &claims)
}

impl Signer {
    pub fn secret() -> Self {
        Signer::Hs256(SECRET.as_bytes().to_vec())
    }

    /// Made for these tests, since ring makes none.
    pub fn rsa() -> Self {
        let part = |name: &str| {
            let key: Value = serde_json::from_str(include_str!("rsa.json")).expect("JSON");
            URL_SAFE_NO_PAD.decode(key[name].as_str().expect("a member")).expect("base64url")
        };
        let public_key = PublicKeyComponents { n: part("n"), e: part("e") };
        let (d, p, q) = (part("d"), part("p"), part("q"));
        let components = KeyPairComponents { public_key, d, p, q, dP: part("dp"), dQ: part("dq"), qInv: part("qi") };
        Signer::Rs256(Box::new(RsaKeyPair::from_components(&components).expect("a valid key")))
    }

    pub fn ec() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
        Signer::Es256(pair.expect("a valid key"))
    }

    pub fn ed() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Signer::EdDsa(Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a valid key"))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Signer::Hs256(_) => "HS256",
            Signer::Rs256(_) => "RS256",
            Signer::Es256(_) => "ES256",
            Signer::EdDsa(_) => "EdDSA",
        }
    }

    /// The key that checks what this one signs.
    pub fn jwk(&self, id: &str) -> Value {
        match self {
            Signer::Hs256(secret) => json!({ "kty": "oct", "kid": id, "k": base64url(secret) }),
            Signer::Rs256(pair) => {
                let public: PublicKeyComponents<Vec<u8>> = PublicKeyComponents::from(pair.public_key());
                json!({ "kty": "RSA", "kid": id, "n": base64url(public.n), "e": base64url(public.e) })
            }
            Signer::Es256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": base64url(x), "y": base64url(y) })
            }
            Signer::EdDsa(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": base64url(pair.public_key()) })
            }
        }
    }

    /// A token.
    pub fn sign(&self, id: Option<&str>, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": self.algorithm(), "kid": id }), claims)
    }

    /// A token with any header.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let message = signed.as_bytes();
        let random = rand::SystemRandom::new();
        let signature = match self {
            Signer::Hs256(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec(),
            Signer::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("it signs");
                signature
            }
            Signer::Es256(pair) => pair.sign(&random, message).expect("it signs").as_ref().to_vec(),
            Signer::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
        };
        format!("{signed}.{}", base64url(signature))
    }
}
