//! Tests by the vectors of RFC 3711, appendix B, and RFC 7714, sections 16 and 17.

use super::cipher::{Cipher, CounterMode, Gcm};
use super::keys::MasterKey;
use super::{Error, Profile, SrtpReceiver, SrtpSender};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4) | pair[1]).collect()
}

/// RFC 3711, B.2: with all of SSRC, rollover counter and sequence number 0, encrypted zeros are the key stream.
#[test]
fn key_stream_of_counter_mode() {
    let key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
    let cipher = CounterMode::new(&key, &[0; 20], &hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
    let cipher = Cipher::CounterMode(Box::new(cipher));
    let mut buf = vec![0; 0xff02 * 16 + 10];
    let len = buf.len() - 10;
    cipher.seal_rtp(&mut buf, 0, len, 0, 0);
    let rows = [
        (0x0000, "E03EAD0935C95E80E166B16DD92B4EB4"),
        (0x0001, "D23513162B02D0F72A43A2FE4A5F97AB"),
        (0x0002, "41E95B3BB0A2E8DD477901E4FCA894C0"),
        (0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
        (0xff00, "362B7C3C6773516318A077D7FC5073AE"),
        (0xff01, "6A2CC3787889374FBEB4C81B17BA6C44"),
    ];
    for (block, expected) in rows {
        assert_eq!(buf[block * 16..][..16], hex(expected), "block {block:#x}");
    }
}

/// RFC 3711, B.3.
#[test]
fn key_derivation() {
    let master = MasterKey::new(&hex("E1F97A0D3E018BE0D64FA32C06DE4139"), &hex("0EC675AD498AFEEBB6960B3AABE6"));
    let rows = [
        (0, "C61E7A93744F39EE10734AFE3FF7A087"),
        (1, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"),
        (2, "30CBBC08863D8C85D49DB34A9AE1"),
    ];
    for (label, expected) in rows {
        let expected = hex(expected);
        let mut key = vec![0; expected.len()];
        master.derive(label, &mut key);
        assert_eq!(key, expected, "label {label}");
    }
}

const GCM_SALT: &str = "51756964 2070726f 2071756f";
const RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465
    73207472 6573";
const RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef
    deadbeef deadbeef";

/// Key length, SRTP and SRTCP of the packets above, SRTCP that is only authenticated.
const GCM: [(Profile, usize, &str, &str, &str); 2] = [
    (
        Profile::AeadAes128Gcm,
        16,
        "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833
         899d7f27 beb16a91 52cf765e e4390cce",
        "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded
         0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef
         deadbeef 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4",
    ),
    (
        Profile::AeadAes256Gcm,
        32,
        "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799
         b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047
         6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef
         deadbeef 91db4afb feee5a97 8fab4393 ed2615fe 000005d4",
    ),
];

fn gcm(key_len: usize) -> Cipher {
    let key: Vec<u8> = (0..key_len as u8).collect();
    Cipher::Gcm(Gcm::new(&key, &hex(GCM_SALT)))
}

#[test]
fn gcm_of_rtp() {
    for (profile, key_len, sealed, ..) in GCM {
        let (plain, sealed) = (hex(RTP), hex(sealed));
        let sender = SrtpSender::new(profile, gcm(key_len), gcm(key_len));
        let mut buf = plain.clone();
        buf.resize(plain.len() + profile.tag_len() + 3, 0);
        assert_eq!(sender.seal_rtp(&mut buf, 12, plain.len(), 0x5501_a0b2, 0xf17b), sealed.len());
        assert_eq!(buf[..sealed.len()], sealed, "{profile:?}");
        assert_eq!(buf[sealed.len()..], [0; 3], "nothing is written behind the tag");

        let mut receiver = SrtpReceiver::new(profile, gcm(key_len), gcm(key_len));
        let mut packet = sealed.clone();
        assert_eq!(receiver.open_rtp(&mut packet), Ok(plain.len()));
        assert_eq!(packet[..plain.len()], plain);
    }
}

#[test]
fn gcm_of_rtcp() {
    for (profile, key_len, _, sealed, tagged) in GCM {
        let (plain, sealed) = (hex(RTCP), hex(sealed));
        let mut buf = plain.clone();
        gcm(key_len).seal_rtcp(&mut buf, 0x4d61_7273, 0x5d4);
        assert_eq!(buf, sealed, "{profile:?}");

        let mut receiver = SrtpReceiver::new(profile, gcm(key_len), gcm(key_len));
        assert_eq!(receiver.open_rtcp(&mut buf), Ok(plain.len()));
        assert_eq!(buf[..plain.len()], plain);
        assert_eq!(receiver.open_rtcp(&mut hex(tagged)), Err(Error::NotEncrypted));
    }
}
