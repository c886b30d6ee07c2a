//! The interface `crypto`: hashes, and signatures checked by keys as JWK.

use super::keys::Algorithm;
use super::refusal::{Code, refuse};
use super::wit::crypto::Host;
use super::wit::types::HostError;
use crate::plugin::guest::Guest;
use ring::{digest, hmac};
use subtle::ConstantTimeEq;

impl Host for Guest {
    fn sha256(&mut self, data: Vec<u8>) -> Vec<u8> {
        digest::digest(&digest::SHA256, &data).as_ref().to_vec()
    }

    fn hmac_sha256(&mut self, key: Vec<u8>, data: Vec<u8>) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &data).as_ref().to_vec()
    }

    fn equal(&mut self, a: Vec<u8>, b: Vec<u8>) -> bool {
        a.ct_eq(&b).into()
    }

    fn verify(
        &mut self,
        algorithm: String,
        jwk: String,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> Result<bool, HostError> {
        let invalid = |message: String| refuse(Code::Invalid, message);
        let algorithm = algorithm.parse::<Algorithm>().map_err(|unknown| invalid(unknown.to_string()))?;
        let key = self.context.services.keys.get(&jwk).map_err(|error| invalid(error.to_string()))?;
        key.verify(algorithm, &message, &signature).map_err(|error| invalid(error.to_string()))
    }
}
