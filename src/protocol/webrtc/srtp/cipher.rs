//! The two transforms, AES-GCM (RFC 7714) and AES counter mode with HMAC-SHA1 (RFC 3711), over whole packets in place.

use super::Error;
use aes::Aes128Enc;
use ctr::CtrCore;
use ctr::cipher::{InnerIvInit, KeyInit, StreamCipherCore};
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use sha1::Sha1;

/// Bytes of an RTCP header that stay in the clear: the first word and the sender's SSRC.
pub(super) const RTCP_CLEAR: usize = 8;
/// The E flag in front of the SRTCP index.
pub(super) const ENCRYPTED: u32 = 0x8000_0000;
const GCM_TAG: usize = 16;
const SHA1_TAG: usize = 10;

/// A keyed transform of one direction, for either RTP or RTCP.
#[allow(clippy::large_enum_variant, reason = "GCM is what nearly every session uses; one indirection less")]
pub(super) enum Cipher {
    Gcm(Gcm),
    CounterMode(Box<CounterMode>),
}

impl Cipher {
    /// See [`super::SrtpSender::seal_rtp`].
    #[inline]
    pub(super) fn seal_rtp(
        &self,
        buf: &mut [u8],
        header_len: usize,
        packet_len: usize,
        ssrc: u32,
        index: u64,
    ) -> usize {
        match self {
            Cipher::Gcm(gcm) => gcm.seal_rtp(buf, header_len, packet_len, ssrc, index),
            Cipher::CounterMode(cm) => cm.seal_rtp(buf, header_len, packet_len, ssrc, index),
        }
    }

    /// Decrypts behind the header; the plain packet's length. `packet` holds header and tag at least, else it is an error.
    pub(super) fn open_rtp(&self, packet: &mut [u8], header_len: usize, ssrc: u32, index: u64) -> Result<usize, Error> {
        match self {
            Cipher::Gcm(gcm) => gcm.open_rtp(packet, header_len, ssrc, index),
            Cipher::CounterMode(cm) => cm.open_rtp(packet, header_len, ssrc, index),
        }
    }

    /// Encrypts all behind the first 8 bytes and appends tag and index. `buf` has 8 bytes at least.
    pub(super) fn seal_rtcp(&self, buf: &mut Vec<u8>, ssrc: u32, index: u32) {
        match self {
            Cipher::Gcm(gcm) => gcm.seal_rtcp(buf, ssrc, index),
            Cipher::CounterMode(cm) => cm.seal_rtcp(buf, ssrc, index),
        }
    }

    /// The word of E flag and SRTCP index; `None` where the packet is too short.
    pub(super) fn rtcp_index_word(&self, packet: &[u8]) -> Option<u32> {
        let (behind, overhead) = match self {
            Cipher::Gcm(_) => (0, 4 + GCM_TAG),
            Cipher::CounterMode(_) => (SHA1_TAG, 4 + SHA1_TAG),
        };
        if packet.len() < RTCP_CLEAR + overhead {
            return None;
        }
        packet[..packet.len() - behind].last_chunk().map(|word| u32::from_be_bytes(*word))
    }

    /// Decrypts an SRTCP packet that [`Cipher::rtcp_index_word`] found long enough; the plain packet's length.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, index: u32) -> Result<usize, Error> {
        match self {
            Cipher::Gcm(gcm) => gcm.open_rtcp(packet, ssrc, index),
            Cipher::CounterMode(cm) => cm.open_rtcp(packet, ssrc, index),
        }
    }
}

/// AES-128-GCM or AES-256-GCM with a tag of 16 bytes.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Gcm {
    /// `key` has 16 or 32 bytes, `salt` 12.
    pub(super) fn new(key: &[u8], salt: &[u8]) -> Self {
        let algorithm = if key.len() == 16 { &aead::AES_128_GCM } else { &aead::AES_256_GCM };
        let key =
            LessSafeKey::new(UnboundKey::new(algorithm, key).expect("the profile's key length is the algorithm's"));
        let salt = salt.try_into().expect("GCM profiles have a salt of 12 bytes");
        Gcm { key, salt }
    }

    /// RFC 7714, 8.1 and 9.1: two zero bytes, the SSRC, 48 bits of index (SRTCP: 16 zero bits and the index), with the salt.
    #[inline]
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let mut iv = [0u8; 12];
        iv[2..6].copy_from_slice(&ssrc.to_be_bytes());
        iv[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        for (byte, salt) in iv.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        Nonce::assume_unique_for_key(iv)
    }

    /// Encrypts `plain` in place.
    #[inline]
    fn seal(&self, nonce: Nonce, aad: &[u8], plain: &mut [u8]) -> aead::Tag {
        self.key.seal_in_place_separate_tag(nonce, Aad::from(aad), plain).expect("a packet is far below GCM's 64 GiB")
    }

    #[inline]
    fn seal_rtp(&self, buf: &mut [u8], header_len: usize, packet_len: usize, ssrc: u32, index: u64) -> usize {
        let sealed_len = packet_len + GCM_TAG;
        let (packet, tag_room) = buf[..sealed_len].split_at_mut(packet_len);
        let (header, plain) = packet.split_at_mut(header_len);
        let tag = self.seal(self.nonce(ssrc, index), header, plain);
        tag_room.copy_from_slice(tag.as_ref());
        sealed_len
    }

    fn open_rtp(&self, packet: &mut [u8], header_len: usize, ssrc: u32, index: u64) -> Result<usize, Error> {
        let too_short = Error::TooShort { len: packet.len() };
        let (header, sealed) = packet.split_at_mut_checked(header_len).ok_or(too_short)?;
        if sealed.len() < GCM_TAG {
            return Err(too_short);
        }
        let plain = self.key.open_in_place(self.nonce(ssrc, index), Aad::from(&*header), sealed);
        plain.map(|plain| header_len + plain.len()).map_err(|_| Error::Authentication)
    }

    /// RFC 7714, 9.2: the clear header and the word of E flag and index are authenticated with the encrypted part.
    fn rtcp_aad(header: &[u8], word: u32) -> [u8; RTCP_CLEAR + 4] {
        let mut aad = [0; RTCP_CLEAR + 4];
        aad[..RTCP_CLEAR].copy_from_slice(&header[..RTCP_CLEAR]);
        aad[RTCP_CLEAR..].copy_from_slice(&word.to_be_bytes());
        aad
    }

    fn seal_rtcp(&self, buf: &mut Vec<u8>, ssrc: u32, index: u32) {
        let word = ENCRYPTED | index;
        let aad = Self::rtcp_aad(buf, word);
        let tag = self.seal(self.nonce(ssrc, u64::from(index)), &aad, &mut buf[RTCP_CLEAR..]);
        buf.extend_from_slice(tag.as_ref());
        buf.extend_from_slice(&word.to_be_bytes());
    }

    fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, index: u32) -> Result<usize, Error> {
        let aad = Self::rtcp_aad(packet, ENCRYPTED | index);
        let end = packet.len() - 4;
        let sealed = &mut packet[RTCP_CLEAR..end];
        let plain = self.key.open_in_place(self.nonce(ssrc, u64::from(index)), Aad::from(aad), sealed);
        plain.map(|plain| RTCP_CLEAR + plain.len()).map_err(|_| Error::Authentication)
    }
}

/// AES-128 counter mode with HMAC-SHA1, tags of 10 bytes. The key schedule and the keyed hash states are made once.
pub(super) struct CounterMode {
    aes: Aes128Enc,
    mac: Hmac<Sha1>,
    /// The session salt times 2^16.
    salt: [u8; 16],
}

impl CounterMode {
    /// `key` has 16 bytes, `auth` 20, `salt` 14.
    pub(super) fn new(key: &[u8], auth: &[u8; 20], salt: &[u8]) -> Self {
        let aes = Aes128Enc::new_from_slice(key).expect("the profile's key length is the cipher's");
        let mac = <Hmac<Sha1> as Mac>::new_from_slice(auth).expect("HMAC takes keys of any length");
        let mut padded = [0; 16];
        padded[..14].copy_from_slice(salt);
        CounterMode { aes, mac, salt: padded }
    }

    /// Encrypts or decrypts `data` (RFC 3711, 4.1.1).
    #[inline]
    fn apply(&self, data: &mut [u8], ssrc: u32, index: u64) {
        let mut iv = self.salt;
        for (byte, ssrc) in iv[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
            *byte ^= ssrc;
        }
        for (byte, index) in iv[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *byte ^= index;
        }
        CtrCore::<_, Ctr128BE>::inner_iv_init(&self.aes, &iv.into()).apply_keystream_partial(data.into());
    }

    /// The keyed hash of a packet and a trailer that is not sent (the rollover counter) or sent behind it (SRTCP index).
    #[inline]
    fn mac(&self, packet: &[u8], trailer: u32) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        mac.update(packet);
        mac.update(&trailer.to_be_bytes());
        mac
    }

    #[inline]
    fn seal_rtp(&self, buf: &mut [u8], header_len: usize, packet_len: usize, ssrc: u32, index: u64) -> usize {
        let sealed_len = packet_len + SHA1_TAG;
        let (packet, tag_room) = buf[..sealed_len].split_at_mut(packet_len);
        self.apply(&mut packet[header_len..], ssrc, index);
        let tag = self.mac(packet, (index >> 16) as u32).finalize().into_bytes();
        tag_room.copy_from_slice(&tag[..SHA1_TAG]);
        sealed_len
    }

    fn open_rtp(&self, packet: &mut [u8], header_len: usize, ssrc: u32, index: u64) -> Result<usize, Error> {
        let len = packet.len();
        let plain_len =
            len.checked_sub(SHA1_TAG).filter(|plain| *plain >= header_len).ok_or(Error::TooShort { len })?;
        let (packet, tag) = packet.split_at_mut(plain_len);
        self.mac(packet, (index >> 16) as u32).verify_truncated_left(tag).map_err(|_| Error::Authentication)?;
        self.apply(&mut packet[header_len..], ssrc, index);
        Ok(plain_len)
    }

    fn seal_rtcp(&self, buf: &mut Vec<u8>, ssrc: u32, index: u32) {
        self.apply(&mut buf[RTCP_CLEAR..], ssrc, u64::from(index));
        let word = ENCRYPTED | index;
        let tag = self.mac(buf, word).finalize().into_bytes();
        buf.extend_from_slice(&word.to_be_bytes());
        buf.extend_from_slice(&tag[..SHA1_TAG]);
    }

    fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, index: u32) -> Result<usize, Error> {
        let (signed, tag) = packet.split_at_mut(packet.len() - SHA1_TAG);
        let plain_len = signed.len() - 4;
        let packet = &mut signed[..plain_len];
        self.mac(packet, ENCRYPTED | index).verify_truncated_left(tag).map_err(|_| Error::Authentication)?;
        self.apply(&mut packet[RTCP_CLEAR..], ssrc, u64::from(index));
        Ok(plain_len)
    }
}
