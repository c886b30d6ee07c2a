//! Looks at datagrams before DTLS does: which protocol it is (RFC 7983), and which SRTP profiles a ClientHello offers.

/// What a datagram on the shared port carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    /// To be dropped.
    Unknown,
}

/// Sorts a datagram by its first two bytes (RFC 7983, 7; RFC 5761, 4). The rest is not looked at.
#[inline]
pub fn kind(datagram: &[u8]) -> Kind {
    match *datagram {
        [128..=191, 192..=223, ..] => Kind::Rtcp,
        [128..=191, _, ..] => Kind::Rtp,
        [0..=3, _, ..] => Kind::Stun,
        [20..=63, _, ..] => Kind::Dtls,
        _ => Kind::Unknown,
    }
}

/// The largest ClientHello that is put together. Post-quantum key shares bring browsers to about 1.5 KiB.
const MAX_HELLO: usize = 8 * 1024;

pub(super) const HANDSHAKE_RECORD: u8 = 22;
pub(super) const CLIENT_HELLO: u8 = 1;
const USE_SRTP: u16 = 14;

/// Why a ClientHello can not be read. The handshake is to be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a ClientHello of {0} bytes, more than the 8192 that are accepted")]
    TooLarge(usize),
    #[error("the ClientHello is malformed")]
    Malformed,
}

/// Puts a ClientHello together from its fragments, which may come in any order, overlap and repeat, in one datagram or many
/// (RFC 6347, 4.2.3), and reads the SRTP profiles that it offers (RFC 5764, 4.1). It takes at most 16 KiB.
#[derive(Debug, Default)]
pub struct ClientHelloPeek {
    message_seq: u16,
    body: Vec<u8>,
    /// Which bytes of `body` came.
    seen: Vec<bool>,
    missing: usize,
}

impl ClientHelloPeek {
    /// Takes a datagram. Once the ClientHello is complete: the ids of the profiles offered, in the client's order of
    /// preference, none where it does not offer SRTP.
    ///
    /// What is not part of a ClientHello in plain text is skipped.
    pub fn push(&mut self, datagram: &[u8]) -> Result<Option<Vec<u16>>, Error> {
        let mut rest = datagram;
        while let Some((record, content)) = next_record(&mut rest) {
            let mut content = content;
            while record == HANDSHAKE_RECORD
                && let Some(fragment) = next_fragment(&mut content)
            {
                if fragment.message_type == CLIENT_HELLO && self.add(&fragment)? {
                    return srtp_profiles(&self.body).map(Some).ok_or(Error::Malformed);
                }
            }
        }
        Ok(None)
    }

    /// Adds a fragment; whether the message is complete.
    fn add(&mut self, fragment: &Fragment<'_>) -> Result<bool, Error> {
        let Fragment { message_seq, message_len, offset, data, .. } = *fragment;
        if message_len > MAX_HELLO {
            return Err(Error::TooLarge(message_len));
        }
        // A higher number is the answer to a HelloVerifyRequest and replaces the first one.
        if self.body.is_empty() || message_seq > self.message_seq {
            let seen = vec![false; message_len];
            *self = ClientHelloPeek { message_seq, body: vec![0; message_len], seen, missing: message_len };
        }
        if message_seq != self.message_seq || message_len != self.body.len() || offset + data.len() > message_len {
            return Ok(false);
        }
        let body = &mut self.body[offset..offset + data.len()];
        let seen = &mut self.seen[offset..offset + data.len()];
        for ((byte, seen), new) in body.iter_mut().zip(seen).zip(data) {
            if !*seen {
                (*byte, *seen) = (*new, true);
                self.missing -= 1;
            }
        }
        Ok(self.missing == 0)
    }
}

/// A piece of a handshake message.
pub(super) struct Fragment<'a> {
    pub(super) message_type: u8,
    pub(super) message_seq: u16,
    message_len: usize,
    pub(super) offset: usize,
    pub(super) data: &'a [u8],
}

/// Takes `len` bytes off the front.
fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

/// Takes a big-endian number of `len` bytes, at most 4, off the front.
fn take_number(bytes: &mut &[u8], len: usize) -> Option<usize> {
    take(bytes, len).map(|bytes| bytes.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
}

/// Takes a vector off the front, whose length stands before it in `len_bytes` bytes.
fn take_vector<'a>(bytes: &mut &'a [u8], len_bytes: usize) -> Option<&'a [u8]> {
    let len = take_number(bytes, len_bytes)?;
    take(bytes, len)
}

/// Takes a record off the front: its content type (0 for encrypted ones) and content (RFC 6347, 4.1).
pub(super) fn next_record<'a>(datagram: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let kind = take_number(datagram, 1)? as u8;
    let version = take_number(datagram, 2)?;
    let epoch = take_number(datagram, 2)?;
    take(datagram, 6)?;
    let content = take_vector(datagram, 2)?;
    let plain = version >> 8 == 0xfe && epoch == 0;
    Some((if plain { kind } else { 0 }, content))
}

/// Takes a handshake fragment off the front (RFC 6347, 4.2.2).
pub(super) fn next_fragment<'a>(content: &mut &'a [u8]) -> Option<Fragment<'a>> {
    let message_type = take_number(content, 1)? as u8;
    let message_len = take_number(content, 3)?;
    let message_seq = take_number(content, 2)? as u16;
    let offset = take_number(content, 3)?;
    let data = take_vector(content, 3)?;
    Some(Fragment { message_type, message_seq, message_len, offset, data })
}

/// The ids in the `use_srtp` extension of a ClientHello (RFC 6347, 4.2.1; RFC 5764, 4.1.1). `None`: malformed.
fn srtp_profiles(mut hello: &[u8]) -> Option<Vec<u16>> {
    let hello = &mut hello;
    // Version and random.
    take(hello, 2 + 32)?;
    let _session_id = take_vector(hello, 1)?;
    let _cookie = take_vector(hello, 1)?;
    let _cipher_suites = take_vector(hello, 2)?;
    let _compression_methods = take_vector(hello, 1)?;
    if hello.is_empty() {
        return Some(Vec::new());
    }
    let mut extensions = take_vector(hello, 2)?;
    while !extensions.is_empty() {
        let kind = take_number(&mut extensions, 2)? as u16;
        let mut data = take_vector(&mut extensions, 2)?;
        if kind == USE_SRTP {
            let profiles = take_vector(&mut data, 2)?;
            return Some(profiles.chunks_exact(2).map(|id| u16::from_be_bytes([id[0], id[1]])).collect());
        }
    }
    Some(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc_dtls::config::ConfigBuilder;
    use rtc_dtls::endpoint::Endpoint;
    use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
    use rtc_shared::TransportProtocol;
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::Instant;

    #[test]
    fn datagrams_are_sorted_by_their_first_bytes() {
        let rows: [(&[u8], Kind); 16] = [
            (&[], Kind::Unknown),
            (&[0x80], Kind::Unknown),
            (&[0, 1], Kind::Stun),
            (&[3, 1], Kind::Stun),
            (&[4, 1], Kind::Unknown),
            (&[19, 254], Kind::Unknown),
            (&[20, 254], Kind::Dtls),
            (&[63, 254], Kind::Dtls),
            (&[64, 0], Kind::Unknown),
            (&[127, 0], Kind::Unknown),
            (&[128, 96], Kind::Rtp),
            (&[191, 0x80 | 96], Kind::Rtp),
            (&[128, 191], Kind::Rtp),
            (&[128, 192], Kind::Rtcp),
            (&[128, 223], Kind::Rtcp),
            (&[192, 200], Kind::Unknown),
        ];
        for (datagram, expected) in rows {
            assert_eq!(kind(datagram), expected, "{datagram:?}");
        }
        assert_eq!(kind(&[144, 224]), Kind::Rtp);
    }

    /// The body of a ClientHello with an extension of padding in front of `use_srtp`.
    fn hello(profiles: &[u16], padding: usize) -> Vec<u8> {
        let mut extensions = vec![0, 21];
        extensions.extend_from_slice(&(padding as u16).to_be_bytes());
        extensions.resize(4 + padding, 0);
        if !profiles.is_empty() {
            let len = 2 * profiles.len() as u16;
            extensions.extend_from_slice(&[0, 14]);
            extensions.extend_from_slice(&(len + 3).to_be_bytes());
            extensions.extend_from_slice(&len.to_be_bytes());
            profiles.iter().for_each(|id| extensions.extend_from_slice(&id.to_be_bytes()));
            extensions.push(0);
        }
        let mut body = vec![0xfe, 0xfd];
        body.extend_from_slice(&[7; 32]);
        body.extend_from_slice(&[3, 1, 2, 3, 2, 9, 9, 0, 2, 0xc0, 0x2b, 1, 0]);
        body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
        body.extend_from_slice(&extensions);
        body
    }

    fn record(kind: u8, epoch: u8, content: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1];
        record.extend_from_slice(&(content.len() as u16).to_be_bytes());
        record.extend_from_slice(content);
        record
    }

    /// A record with the fragment `range` of a ClientHello.
    fn fragment(body: &[u8], message_seq: u16, range: std::ops::Range<usize>) -> Vec<u8> {
        let number = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
        let seq = message_seq.to_be_bytes();
        let header =
            [&[CLIENT_HELLO][..], &number(body.len()), &seq, &number(range.start), &number(range.len())].concat();
        record(HANDSHAKE_RECORD, 0, &[&header, &body[range]].concat())
    }

    #[test]
    fn profiles_are_read_in_the_order_of_the_client() {
        for profiles in [&[1u16, 7, 8][..], &[7], &[0x1234, 1], &[]] {
            let body = hello(profiles, 100);
            let mut peek = ClientHelloPeek::default();
            assert_eq!(peek.push(&fragment(&body, 0, 0..body.len())), Ok(Some(profiles.to_vec())));
        }
        let mut bare = hello(&[], 0);
        bare.truncate(bare.len() - 6);
        let mut peek = ClientHelloPeek::default();
        assert_eq!(peek.push(&fragment(&bare, 0, 0..bare.len())), Ok(Some(vec![])), "no extensions at all");
    }

    /// Fragments in any order, with overlaps and repetitions, one or several in a datagram.
    #[test]
    fn fragments_are_put_together() {
        let body = hello(&[1, 7], 3_000);
        for seed in 1..200u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut random = move |below: usize| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state % below as u64) as usize
            };
            let mut fragments = Vec::new();
            let mut covered = 0;
            while covered < body.len() {
                let start = covered - random(covered.min(50) + 1);
                covered = (covered + 1 + random(900)).min(body.len());
                fragments.push(fragment(&body, 0, start..covered));
            }
            for last in (1..fragments.len()).rev() {
                fragments.swap(last, random(last + 1));
            }
            let repeated = fragments[0].clone();
            fragments.insert(1, repeated);
            let per_datagram = 1 + random(3);
            let datagrams: Vec<Vec<u8>> = fragments.chunks(per_datagram).map(|records| records.concat()).collect();
            let mut peek = ClientHelloPeek::default();
            // An overlap may make the last fragments superfluous.
            let found = datagrams.iter().find_map(|datagram| peek.push(datagram).unwrap());
            assert_eq!(found, Some(vec![1, 7]), "seed {seed}");
        }
    }

    #[test]
    fn nothing_is_read_before_the_last_byte_came() {
        let body = hello(&[1, 7], 100);
        for hole in 0..body.len() {
            let mut peek = ClientHelloPeek::default();
            assert_eq!(peek.push(&fragment(&body, 0, hole + 1..body.len())), Ok(None));
            assert_eq!(peek.push(&fragment(&body, 0, 0..hole)), Ok(None), "hole {hole}");
            assert_eq!(peek.push(&fragment(&body, 0, hole..hole + 1)), Ok(Some(vec![1, 7])));
        }
    }

    #[test]
    fn what_is_no_part_of_the_hello_is_skipped() {
        let body = hello(&[8], 0);
        let whole = fragment(&body, 0, 0..body.len());
        let mut server_hello = whole.clone();
        server_hello[13] = 2;
        let encrypted = record(HANDSHAKE_RECORD, 1, &whole[13..]);
        let alert = record(21, 0, &[1, 0]);
        let mut other_version = whole.clone();
        other_version[1] = 3;
        let beyond = {
            let mut beyond = fragment(&body, 0, 0..10);
            beyond[20] = body.len() as u8;
            beyond
        };
        for skipped in [&server_hello[..], &encrypted, &alert, &other_version, &beyond, &whole[..40], &[22], &[]] {
            let mut peek = ClientHelloPeek::default();
            assert_eq!(peek.push(skipped), Ok(None));
            assert_eq!(peek.push(&whole), Ok(Some(vec![8])));
        }
        let mut peek = ClientHelloPeek::default();
        assert_eq!(peek.push(&[&alert[..], &whole].concat()), Ok(Some(vec![8])));
    }

    #[test]
    fn a_second_hello_replaces_the_first() {
        let (first, second) = (hello(&[1], 500), hello(&[7, 1], 600));
        let mut peek = ClientHelloPeek::default();
        assert_eq!(peek.push(&fragment(&first, 0, 0..400)), Ok(None));
        assert_eq!(peek.push(&fragment(&second, 1, 300..second.len())), Ok(None));
        assert_eq!(peek.push(&fragment(&first, 0, 400..first.len())), Ok(None));
        assert_eq!(peek.push(&fragment(&second, 1, 0..300)), Ok(Some(vec![7, 1])));
    }

    #[test]
    fn large_and_malformed_hellos_are_refused() {
        let large = vec![0; MAX_HELLO + 1];
        let mut peek = ClientHelloPeek::default();
        assert_eq!(peek.push(&fragment(&large, 0, 0..100)), Err(Error::TooLarge(MAX_HELLO + 1)));
        let body = hello(&[1, 7], 10);
        for len in 1..body.len() {
            let mut peek = ClientHelloPeek::default();
            let result = peek.push(&fragment(&body[..len], 0, 0..len));
            // Cut right before the extensions it is a whole ClientHello.
            let expected = if len == 47 { Ok(Some(vec![])) } else { Err(Error::Malformed) };
            assert_eq!(result, expected, "cut to {len}");
        }
        assert_eq!(ClientHelloPeek::default().push(&fragment(&[], 0, 0..0)), Err(Error::Malformed));
    }

    /// The first flight of an independent implementation.
    #[test]
    fn reads_the_hello_of_rtc_dtls() {
        let provider = rtc_dtls::crypto_provider::default_provider().unwrap();
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
                SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            ])
            .with_insecure_skip_verify(true)
            .build(true, Some(peer))
            .unwrap();
        let mut endpoint = Endpoint::new(peer, TransportProtocol::UDP, None);
        endpoint.connect(Instant::now(), peer, Arc::new(config), None).unwrap();
        let datagram = endpoint.poll_transmit().unwrap().message;
        assert_eq!(kind(&datagram), Kind::Dtls);
        assert_eq!(ClientHelloPeek::default().push(&datagram), Ok(Some(vec![1, 8, 7])));
    }
}
