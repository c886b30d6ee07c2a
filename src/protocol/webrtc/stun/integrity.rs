//! MESSAGE-INTEGRITY (HMAC-SHA1) and FINGERPRINT (CRC-32) of STUN (RFC 8489, 14.5 and 14.7).

use hmac::{Hmac, Mac};
use sha1::Sha1;

/// Bytes of the value of MESSAGE-INTEGRITY.
pub(super) const MAC_LEN: usize = 20;

/// The keyed hash of a message up to MESSAGE-INTEGRITY, with the length that it has when it ends with that attribute.
fn mac(message: &[u8], pwd: &[u8]) -> Hmac<Sha1> {
    let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(pwd).expect("HMAC takes keys of any length");
    let len = (message.len() - super::message::HEADER_LEN + 4 + MAC_LEN) as u16;
    mac.update(&message[..2]);
    mac.update(&len.to_be_bytes());
    mac.update(&message[4..]);
    mac
}

/// The value of MESSAGE-INTEGRITY behind `message`, which has a header at least.
pub(super) fn sign(message: &[u8], pwd: &[u8]) -> [u8; MAC_LEN] {
    mac(message, pwd).finalize().into_bytes().into()
}

/// Whether `expected` is the value of MESSAGE-INTEGRITY behind `message`; compared in constant time.
pub(super) fn verify(message: &[u8], expected: &[u8], pwd: &[u8]) -> bool {
    mac(message, pwd).verify_slice(expected).is_ok()
}

/// The value of FINGERPRINT behind `message`, whose length field already counts that attribute.
pub(super) fn fingerprint(message: &[u8]) -> u32 {
    crc32(message) ^ 0x5354_554e
}

/// CRC-32 of ISO 3309 (as in Ethernet and zip).
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc: u32, byte| (crc >> 8) ^ CRC_TABLE[usize::from(crc as u8 ^ byte)])
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    #[test]
    fn crc_of_the_usual_check_string() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(super::crc32(b""), 0);
    }
}
