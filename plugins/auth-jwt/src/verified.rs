//! Signatures, checked by the host.

use crate::keys::Key;
use crate::token::Token;
use wasmcast_plugin::prelude::*;

/// Most keys that are tried for a token which names none: each costs a check.
const MOST: usize = 8;

/// Which of the keys signed the token: none, or one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    Yes,
    No,
    /// No key may have: its name is not known, or no key is of the right type.
    NoKey,
}

/// Looks for the key that signed the token.
///
/// # Errors
/// When the host can not use a key.
pub fn by<'k>(keys: impl Iterator<Item = &'k Key>, token: &Token<'_>) -> Result<Signed> {
    let mut signed = Signed::NoKey;
    let fitting = keys.filter(|key| key.may_have_signed(token.algorithm, token.key.as_deref()));
    for key in fitting.take(MOST) {
        if crypto::verify(token.algorithm.name(), &key.jwk, token.signed, &token.signature)? {
            return Ok(Signed::Yes);
        }
        signed = Signed::No;
    }
    Ok(signed)
}

/// Whether the host can use a key: it is asked to check a signature that is none.
///
/// # Errors
/// Why not.
pub fn is_sound(key: &Key) -> Result<()> {
    let algorithm = key.algorithm().context("it is for no known algorithm")?;
    crypto::verify(algorithm.name(), &key.jwk, "", [0; 64])?;
    Ok(())
}
