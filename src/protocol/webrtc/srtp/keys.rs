//! Protection profiles and the derivation of session keys (RFC 3711, 4.3; RFC 5764, 4.2; RFC 7714, 11).

use super::cipher::{Cipher, CounterMode, Gcm};
use super::{Error, SrtpReceiver, SrtpSender};
use aes::{Aes128Enc, Aes256Enc};
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use std::fmt;

/// The label under which DTLS exports the keying material (RFC 5764, 4.2).
pub const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// A DTLS-SRTP protection profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    AeadAes128Gcm,
    AeadAes256Gcm,
    /// AES-128 counter mode with HMAC-SHA1, 80-bit tags.
    Aes128CmSha1_80,
}

impl Profile {
    /// Every profile, the cheapest on our side first.
    pub const ALL: [Profile; 3] = [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1_80];

    /// The id in the `use_srtp` extension of DTLS (RFC 5764, 4.1.2; RFC 7714, 14.2).
    pub fn id(self) -> u16 {
        match self {
            Profile::Aes128CmSha1_80 => 0x0001,
            Profile::AeadAes128Gcm => 0x0007,
            Profile::AeadAes256Gcm => 0x0008,
        }
    }

    /// The profile of an id; `None` for those that we do not speak.
    pub fn from_id(id: u16) -> Option<Self> {
        Profile::ALL.into_iter().find(|profile| profile.id() == id)
    }

    /// Bytes of the master key and of the encryption key.
    pub fn key_len(self) -> usize {
        match self {
            Profile::AeadAes128Gcm | Profile::Aes128CmSha1_80 => 16,
            Profile::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of the master salt and of the session salt.
    pub fn salt_len(self) -> usize {
        match self {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => 12,
            Profile::Aes128CmSha1_80 => 14,
        }
    }

    /// Bytes by which protection lengthens an RTP packet.
    pub fn tag_len(self) -> usize {
        match self {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => 16,
            Profile::Aes128CmSha1_80 => 10,
        }
    }

    /// Bytes by which protection lengthens an RTCP packet: the tag and the word of E flag and index.
    pub fn rtcp_overhead(self) -> usize {
        self.tag_len() + 4
    }

    /// Bytes to export from DTLS.
    pub fn exporter_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }
}

/// Our role in the DTLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// The master keys and salts of both directions.
#[derive(Clone)]
pub struct SessionKeys {
    profile: Profile,
    client: MasterKey,
    server: MasterKey,
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKeys").field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl SessionKeys {
    /// Splits what DTLS exported under [`EXPORTER_LABEL`]: client key, server key, client salt, server salt; exactly
    /// [`Profile::exporter_len`] bytes.
    pub fn from_exporter(profile: Profile, material: &[u8]) -> Result<Self, Error> {
        let expected = profile.exporter_len();
        if material.len() != expected {
            return Err(Error::KeyingMaterial { profile, expected, got: material.len() });
        }
        let (keys, salts) = material.split_at(2 * profile.key_len());
        let (client_key, server_key) = keys.split_at(profile.key_len());
        let (client_salt, server_salt) = salts.split_at(profile.salt_len());
        Ok(SessionKeys {
            profile,
            client: MasterKey::new(client_key, client_salt),
            server: MasterKey::new(server_key, server_salt),
        })
    }

    /// The contexts to send and to receive with in our role.
    pub fn contexts(&self, role: Role) -> (SrtpSender, SrtpReceiver) {
        let (ours, theirs) = match role {
            Role::Client => (&self.client, &self.server),
            Role::Server => (&self.server, &self.client),
        };
        let sender = SrtpSender::new(self.profile, ours.cipher(self.profile, RTP), ours.cipher(self.profile, RTCP));
        let receiver =
            SrtpReceiver::new(self.profile, theirs.cipher(self.profile, RTP), theirs.cipher(self.profile, RTCP));
        (sender, receiver)
    }
}

/// Labels of RFC 3711, 4.3.2: encryption, authentication, salt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels([u8; 3]);

pub(super) const RTP: Labels = Labels([0, 1, 2]);
pub(super) const RTCP: Labels = Labels([3, 4, 5]);

/// One direction's master key and salt; shorter values than the arrays are filled up with zeros.
#[derive(Clone)]
pub(super) struct MasterKey {
    key: [u8; 32],
    key_len: usize,
    /// As the counter block of the derivation: the salt times 2^16. RFC 7714, 11 fills up 12 bytes likewise.
    salt: [u8; 16],
}

impl MasterKey {
    /// `key` has 16 or 32 bytes, `salt` 12 or 14.
    pub(super) fn new(key: &[u8], salt: &[u8]) -> Self {
        let mut master = MasterKey { key: [0; 32], key_len: key.len(), salt: [0; 16] };
        master.key[..key.len()].copy_from_slice(key);
        master.salt[..salt.len()].copy_from_slice(salt);
        master
    }

    /// Fills `out` with the key of a label, at key derivation rate 0.
    pub(super) fn derive(&self, label: u8, out: &mut [u8]) {
        let mut iv = self.salt;
        iv[7] ^= label;
        out.fill(0);
        let key = &self.key[..self.key_len];
        // The first arm is for keys of 16 bytes, the second for 32: no other length is ever made.
        if let Ok(mut prf) = Ctr128BE::<Aes128Enc>::new_from_slices(key, &iv) {
            prf.apply_keystream(out);
        } else if let Ok(mut prf) = Ctr128BE::<Aes256Enc>::new_from_slices(key, &iv) {
            prf.apply_keystream(out);
        }
    }

    /// The cipher for RTP or RTCP.
    pub(super) fn cipher(&self, profile: Profile, Labels([encryption, authentication, salting]): Labels) -> Cipher {
        let (mut key, mut salt) = ([0; 32], [0; 14]);
        let (key, salt) = (&mut key[..profile.key_len()], &mut salt[..profile.salt_len()]);
        self.derive(encryption, key);
        self.derive(salting, salt);
        match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => Cipher::Gcm(Gcm::new(key, salt)),
            Profile::Aes128CmSha1_80 => {
                let mut auth = [0; 20];
                self.derive(authentication, &mut auth);
                Cipher::CounterMode(Box::new(CounterMode::new(key, &auth, salt)))
            }
        }
    }
}
