//! What an m-line or the session says of ICE and DTLS.

use super::OfferError;
use super::grammar::Attribute;

/// Certificates that are read; Firefox and Chrome send one, aiortc three hashes of one.
const MAX_FINGERPRINTS: usize = 8;

/// Who opens the DTLS handshake (RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    ActPass,
    Active,
    Passive,
    HoldConn,
}

/// ICE credentials and DTLS identity, as far as a section has them.
#[derive(Clone, Debug, Default)]
pub(super) struct OfferedTransport {
    pub ufrag: Option<String>,
    pub pwd: Option<String>,
    /// Lower-case hash name and digest.
    pub fingerprints: Vec<(String, Vec<u8>)>,
    pub setup: Option<Setup>,
}

impl OfferedTransport {
    /// Reads a section's attributes.
    pub fn read(attributes: &[Attribute<'_>]) -> Result<OfferedTransport, OfferError> {
        let mut transport = OfferedTransport::default();
        for attribute in attributes {
            match attribute.name {
                "ice-ufrag" if transport.ufrag.is_none() => transport.ufrag = Some(ice_value(attribute, 4)?),
                "ice-pwd" if transport.pwd.is_none() => transport.pwd = Some(ice_value(attribute, 22)?),
                "fingerprint" if transport.fingerprints.len() < MAX_FINGERPRINTS => {
                    transport.fingerprints.extend(fingerprint(attribute)?);
                }
                "setup" if transport.setup.is_none() => transport.setup = Some(setup(attribute)?),
                _ => {}
            }
        }
        Ok(transport)
    }

    /// Fills what is missing from the session's section.
    pub fn or_session(mut self, session: &OfferedTransport) -> OfferedTransport {
        if self.ufrag.is_none() && self.pwd.is_none() {
            self.ufrag.clone_from(&session.ufrag);
            self.pwd.clone_from(&session.pwd);
        }
        if self.fingerprints.is_empty() {
            self.fingerprints.clone_from(&session.fingerprints);
        }
        self.setup = self.setup.or(session.setup);
        self
    }
}

impl Setup {
    /// As in the SDP.
    pub fn name(self) -> &'static str {
        match self {
            Setup::ActPass => "actpass",
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::HoldConn => "holdconn",
        }
    }
}

/// A user fragment or password (RFC 8839, 5.4). A colon would not survive in a STUN username.
fn ice_value(attribute: &Attribute<'_>, min: usize) -> Result<String, OfferError> {
    let value = attribute.value;
    if !(min..=256).contains(&value.len()) {
        return Err(attribute.error("must have 4 (a=ice-pwd: 22) to 256 characters"));
    }
    if !value.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
        return Err(attribute.error("has a character that ICE does not allow"));
    }
    Ok(value.to_owned())
}

/// A certificate's hash (RFC 8122, 5); none where the hash is one that we do not check.
fn fingerprint(attribute: &Attribute<'_>) -> Result<Option<(String, Vec<u8>)>, OfferError> {
    let Some((hash, digest)) = attribute.value.split_once([' ', '\t']) else {
        return Err(attribute.error("is not of the form `hash digest`"));
    };
    let hash = hash.to_ascii_lowercase();
    let length = match hash.as_str() {
        "sha-256" => 32,
        "sha-384" => 48,
        "sha-512" => 64,
        _ => return Ok(None),
    };
    let byte = |text: &str| match text.as_bytes() {
        [high, low] => {
            let value = char::from(*high).to_digit(16)? << 4 | char::from(*low).to_digit(16)?;
            u8::try_from(value).ok()
        }
        _ => None,
    };
    let digest: Option<Vec<u8>> = digest.trim().split(':').map(byte).collect();
    match digest {
        Some(digest) if digest.len() == length => Ok(Some((hash, digest))),
        _ => Err(attribute.error("has no digest of the hash's length in hex pairs joined by `:`")),
    }
}

fn setup(attribute: &Attribute<'_>) -> Result<Setup, OfferError> {
    [Setup::ActPass, Setup::Active, Setup::Passive, Setup::HoldConn]
        .into_iter()
        .find(|setup| setup.name().eq_ignore_ascii_case(attribute.value))
        .ok_or_else(|| attribute.error("is none of actpass, active, passive and holdconn"))
}
