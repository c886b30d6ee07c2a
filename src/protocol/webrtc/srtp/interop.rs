//! Tests against the independent `rtc-srtp`, in both directions, and of what must be refused.

use super::{Error, Profile, Role, SessionKeys, SrtpReceiver, SrtpSender};
use rtc_srtp::context::Context;
use rtc_srtp::crypto::{RTCCryptoProvider, providers::RingProvider};
use rtc_srtp::protection_profile::ProtectionProfile;

/// A small deterministic generator (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// Two ends of ours and what DTLS exported for them.
struct Pair {
    material: Vec<u8>,
    client: (SrtpSender, SrtpReceiver),
    server: (SrtpSender, SrtpReceiver),
}

fn pair(profile: Profile) -> Pair {
    let material = Random(profile.id().into()).bytes(profile.exporter_len());
    let keys = SessionKeys::from_exporter(profile, &material).unwrap();
    Pair { material, client: keys.contexts(Role::Client), server: keys.contexts(Role::Server) }
}

/// The context of `rtc-srtp` for what the client (or the server) sends.
fn reference(profile: Profile, material: &[u8], sender: Role) -> Context {
    let theirs = match profile {
        Profile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        Profile::Aes128CmSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let (key, salt) = (profile.key_len(), profile.salt_len());
    let side = usize::from(sender == Role::Server);
    let (key_at, salt_at) = (side * key, 2 * key + side * salt);
    let provider = RingProvider::new();
    Context::new(&material[key_at..][..key], &material[salt_at..][..salt], theirs, None, None, provider.crypto())
        .unwrap()
}

/// An RTP packet with or without extensions, CSRCs and padding; the length of its header.
fn rtp_packet(random: &mut Random, sequence: u16, ssrc: u32) -> (Vec<u8>, usize) {
    let csrcs = if random.below(4) == 0 { random.below(3) } else { 0 };
    let extended = random.below(2) == 0;
    let mut packet = vec![0x80 | (u8::from(extended) << 4) | csrcs as u8, 96];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend(random.bytes(4));
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend(random.bytes(4 * csrcs));
    if extended {
        packet.extend_from_slice(&[0xbe, 0xde, 0, 2, 0x10, 1, 0x21, 2, 3, 0, 0, 0]);
    }
    let header_len = packet.len();
    let payload = random.below(1_200);
    packet.extend(random.bytes(payload));
    (packet, header_len)
}

fn rtcp_packet(random: &mut Random, ssrc: u32) -> Vec<u8> {
    let words = 1 + random.below(30);
    let mut packet = vec![0x80, 201, 0, words as u8];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend(random.bytes(4 * (words - 1)));
    packet
}

fn seal(sender: &SrtpSender, packet: &[u8], header_len: usize, ssrc: u32, index: u64) -> Vec<u8> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + sender.profile().tag_len(), 0);
    assert_eq!(sender.seal_rtp(&mut buf, header_len, packet.len(), ssrc, index), buf.len());
    buf
}

#[test]
fn rtp_both_ways_over_a_rollover() {
    for profile in Profile::ALL {
        let mut random = Random(7);
        let mut pair = pair(profile);
        let mut opens = reference(profile, &pair.material, Role::Server);
        let mut seals = reference(profile, &pair.material, Role::Client);
        let ssrc = 0x1234_5678;
        // From just below a rollover to beyond a second one, in big steps in between.
        let near = 65_500u64..65_580;
        let far = (80_000..130_000).step_by(10_000);
        let again = 131_000u64..131_120;
        for index in near.chain(far).chain(again) {
            let (packet, header_len) = rtp_packet(&mut random, index as u16, ssrc);
            let sealed = seal(&pair.server.0, &packet, header_len, ssrc, index);
            assert_eq!(opens.decrypt_rtp(&sealed).unwrap(), packet, "{profile:?} {index}");

            let mut theirs = seals.encrypt_rtp(&packet).unwrap().to_vec();
            assert_eq!(theirs, seal(&pair.client.0, &packet, header_len, ssrc, index), "{profile:?} {index}");
            let len = pair.server.1.open_rtp(&mut theirs).unwrap();
            assert_eq!(theirs[..len], packet, "{profile:?} {index}");
        }
    }
}

#[test]
fn rtcp_both_ways() {
    for profile in Profile::ALL {
        let mut random = Random(9);
        let mut pair = pair(profile);
        let mut opens = reference(profile, &pair.material, Role::Server);
        let mut seals = reference(profile, &pair.material, Role::Client);
        for ssrc in [1, 0xffff_ffff, 1, 5, 1] {
            let packet = rtcp_packet(&mut random, ssrc);
            let mut ours = packet.clone();
            pair.server.0.seal_rtcp(&mut ours).unwrap();
            assert_eq!(ours.len(), packet.len() + profile.rtcp_overhead());
            assert_eq!(opens.decrypt_rtcp(&ours).unwrap(), packet, "{profile:?}");

            let mut theirs = seals.encrypt_rtcp(&packet).unwrap().to_vec();
            let len = pair.server.1.open_rtcp(&mut theirs).unwrap();
            assert_eq!(theirs[..len], packet, "{profile:?}");
        }
    }
}

/// Packets in any order within the window, some twice, with changes of any byte: only the first copy of a sound one opens.
#[test]
fn reordered_repeated_and_damaged_packets() {
    for (profile, seed) in Profile::ALL.into_iter().zip(100..) {
        let mut random = Random(seed);
        let Pair { client: (sender, _), server: (_, mut receiver), .. } = pair(profile);
        let sources = [1u32, 2, 3];
        let mut pending: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for index in 30_000u64..31_500 {
            let ssrc = sources[random.below(sources.len())];
            let (packet, header_len) = rtp_packet(&mut random, index as u16, ssrc);
            let sealed = seal(&sender, &packet, header_len, ssrc, index);
            pending.push((packet, sealed));
            if pending.len() < 50 {
                continue;
            }
            let (packet, sealed) = pending.swap_remove(random.below(50));
            let mut damaged = sealed.clone();
            let at = random.below(damaged.len());
            damaged[at] ^= 1 << random.below(8);
            assert!(receiver.open_rtp(&mut damaged).is_err(), "byte {at}");
            let mut first = sealed.clone();
            let len = receiver.open_rtp(&mut first).unwrap();
            assert_eq!(first[..len], packet);
            assert_eq!(receiver.open_rtp(&mut sealed.clone()), Err(Error::Replayed));
        }
    }
}

#[test]
fn damaged_and_repeated_rtcp_is_refused() {
    for profile in Profile::ALL {
        let mut random = Random(11);
        let Pair { client: (mut sender, _), server: (_, mut receiver), .. } = pair(profile);
        let mut sealed = rtcp_packet(&mut random, 7);
        sender.seal_rtcp(&mut sealed).unwrap();
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 0x80;
            assert!(receiver.open_rtcp(&mut damaged).is_err(), "byte {at}");
        }
        for len in 0..sealed.len() {
            assert!(receiver.open_rtcp(&mut sealed[..len].to_vec()).is_err(), "cut to {len}");
        }
        assert!(receiver.open_rtcp(&mut sealed.clone()).is_ok());
        assert_eq!(receiver.open_rtcp(&mut sealed), Err(Error::Replayed));
        assert_eq!(sender.seal_rtcp(&mut vec![0x80; 7]), Err(Error::TooShort { len: 7 }));
    }
}

#[test]
fn short_rtp_is_refused() {
    for profile in Profile::ALL {
        let Pair { client: (sender, _), server: (_, mut receiver), .. } = pair(profile);
        let (packet, header_len) = rtp_packet(&mut Random(3), 5, 6);
        let sealed = seal(&sender, &packet, header_len, 6, 5);
        for len in 0..sealed.len() {
            assert!(receiver.open_rtp(&mut sealed[..len].to_vec()).is_err(), "cut to {len}");
        }
        assert!(receiver.open_rtp(&mut sealed.clone()).is_ok());
    }
}

#[test]
fn each_direction_and_role_has_its_own_keys() {
    for profile in Profile::ALL {
        let Pair { client, mut server, .. } = pair(profile);
        let (packet, header_len) = rtp_packet(&mut Random(3), 5, 6);
        let from_server = seal(&server.0, &packet, header_len, 6, 5);
        assert_eq!(server.1.open_rtp(&mut from_server.clone()), Err(Error::Authentication));
        let from_client = seal(&client.0, &packet, header_len, 6, 5);
        assert_ne!(from_client, from_server);
        assert!(server.1.open_rtp(&mut from_client.clone()).is_ok());
    }
}

#[test]
fn sources_are_bounded_and_only_authentic_packets_take_a_place() {
    let Pair { client: (sender, _), server: (_, mut receiver), .. } = pair(Profile::AeadAes128Gcm);
    let packet = |ssrc: u32| rtp_packet(&mut Random(5), 9, ssrc);
    for ssrc in 1_000..1_100 {
        let (packet, header_len) = packet(ssrc);
        let mut forged = seal(&sender, &packet, header_len, ssrc, 10);
        assert_eq!(receiver.open_rtp(&mut forged), Err(Error::Authentication));
    }
    for ssrc in 0..40 {
        let (packet, header_len) = packet(ssrc);
        let mut sealed = seal(&sender, &packet, header_len, ssrc, 9);
        let opened = receiver.open_rtp(&mut sealed);
        assert_eq!(opened.err(), (ssrc >= 32).then_some(Error::TooManySources));
    }
}

#[test]
fn keying_material_of_a_wrong_length_is_refused() {
    for profile in Profile::ALL {
        let expected = profile.exporter_len();
        for got in [0, expected - 1, expected + 1] {
            let error = SessionKeys::from_exporter(profile, &vec![0; got]).unwrap_err();
            assert_eq!(error, Error::KeyingMaterial { profile, expected, got });
        }
        assert_eq!(Profile::from_id(profile.id()), Some(profile));
    }
    assert_eq!(Profile::from_id(0x0002), None);
}

#[test]
fn the_next_packet_of_a_peer_looks_like_that() {
    for profile in Profile::ALL {
        let Pair { client: (mut sender, _), server: (_, mut receiver), .. } = pair(profile);
        let report = |sender: &mut SrtpSender, ssrc: u8| {
            let mut sealed = vec![0x80, 201, 0, 1, 0, 0, 0, ssrc];
            sender.seal_rtcp(&mut sealed).unwrap();
            sealed
        };
        let mut first = report(&mut sender, 1);
        assert!(!receiver.expects(&first, true), "nothing is known of it");
        receiver.open_rtcp(&mut first.clone()).unwrap();
        assert!(!receiver.expects(&first, true), "a repetition");
        assert!(receiver.expects(&report(&mut sender, 1), true) && !receiver.expects(&report(&mut sender, 2), true));
        let mut far = first.clone();
        for _ in 0..40 {
            far = report(&mut sender, 1);
        }
        assert!(!receiver.expects(&far, true), "far beyond");
        first.truncate(9);
        assert!(!receiver.expects(&first, true) && !receiver.expects(&first, false));
        let media = |sequence: u16| {
            let (packet, header_len) = rtp_packet(&mut Random(7), sequence, 9);
            seal(&sender, &packet, header_len, 9, sequence.into())
        };
        receiver.open_rtp(&mut media(100)).unwrap();
        let seen: Vec<bool> = [99, 100, 101, 2_100, 2_101].map(|at| receiver.expects(&media(at), false)).to_vec();
        assert_eq!(seen, [false, false, true, true, false]);
    }
}
