//! Cryptography, run natively by the server: one signature checked inside Wasm costs 0.2 to 0.3 ms.

use crate::bindings::host::crypto;
use crate::host_error::HostError;
use crate::sandbox;

/// SHA-256 (FIPS 180-4).
pub fn sha256(data: impl AsRef<[u8]>) -> [u8; 32] {
    sandbox::only("crypto");
    digest(&crypto::sha256(data.as_ref()))
}

/// HMAC-SHA-256 (RFC 2104).
pub fn hmac_sha256(key: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> [u8; 32] {
    sandbox::only("crypto");
    digest(&crypto::hmac_sha256(key.as_ref(), data.as_ref()))
}

/// Compares in constant time; false for different lengths. Use it for tokens and signatures.
pub fn equal(a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> bool {
    sandbox::only("crypto");
    crypto::equal(a.as_ref(), b.as_ref())
}

/// Checks a JOSE signature (RFC 7518, RFC 8037). `algorithm`: `HS256`, `RS256`, `PS256`, `ES256`, `EdDSA`. `jwk`: the key as
/// JSON (RFC 7517). False when the signature does not match.
///
/// # Errors
/// `invalid` when the key is malformed, too weak, or of another type than the algorithm wants.
pub fn verify(
    algorithm: &str,
    jwk: &str,
    message: impl AsRef<[u8]>,
    signature: impl AsRef<[u8]>,
) -> Result<bool, HostError> {
    sandbox::only("crypto");
    Ok(crypto::verify(algorithm, jwk, message.as_ref(), signature.as_ref())?)
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().expect("the contract says 32 bytes")
}
