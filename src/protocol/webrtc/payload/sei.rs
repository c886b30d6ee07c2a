//! The capture time inside a picture: a user_data_unregistered SEI message (H.264, D.1.6; H.265, D.2.6).
//!
//! The wall clock of the capture in nanoseconds since 1970 as 16 hexadecimal digits, under a fixed UUID. Neither holds a byte
//! that would need emulation prevention. Latency is measured with it across any server, re-packetizing ones included.

const UUID: [u8; 16] = *b"lg-ts-sei-v1\xA5\x5A\xC3\x3C";
const H264_HEADER: [u8; 1] = [0x06];
const H265_HEADER: [u8; 2] = [0x4e, 0x01];
/// user_data_unregistered, and its size: the UUID and the digits.
const MESSAGE: [u8; 2] = [5, 32];

/// An H.264 NAL unit that carries `ns`.
pub fn write_h264(ns: u64) -> Vec<u8> {
    write(&H264_HEADER, ns)
}

/// An H.265 NAL unit that carries `ns`.
pub fn write_h265(ns: u64) -> Vec<u8> {
    write(&H265_HEADER, ns)
}

/// The time in an H.264 NAL unit.
pub fn read_h264(nal: &[u8]) -> Option<u64> {
    let [header, message @ ..] = nal else { return None };
    if header & 0x1f == H264_HEADER[0] { read(message) } else { None }
}

/// The time in an H.265 NAL unit.
pub fn read_h265(nal: &[u8]) -> Option<u64> {
    read(nal.strip_prefix(&H265_HEADER)?)
}

fn write(header: &[u8], ns: u64) -> Vec<u8> {
    let mut nal = header.to_vec();
    nal.extend_from_slice(&MESSAGE);
    nal.extend_from_slice(&UUID);
    nal.extend_from_slice(format!("{ns:016x}").as_bytes());
    nal.push(0x80);
    nal
}

fn read(message: &[u8]) -> Option<u64> {
    let digits = message.strip_prefix(&MESSAGE)?.strip_prefix(&UUID)?.get(..16)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip() {
        for ns in [0, 1, 1_700_000_000_123_456_789, u64::MAX] {
            assert_eq!(read_h264(&write_h264(ns)), Some(ns));
            assert_eq!(read_h265(&write_h265(ns)), Some(ns));
        }
        let nal = write_h264(7);
        assert!(!nal.windows(3).any(|bytes| bytes[0] == 0 && bytes[1] == 0 && bytes[2] <= 3));
        assert_eq!(nal.len(), 36);
    }

    #[test]
    fn other_messages_are_passed_over() {
        let nal = write_h264(7);
        for bad in [&[][..], &[6], &[6, 5, 32], &nal[..30], &[0x65; 40]] {
            assert_eq!(read_h264(bad), None);
            assert_eq!(read_h265(bad), None);
        }
        let mut signed = nal.clone();
        signed[19] = b'+';
        assert_eq!(read_h264(&signed), None);
    }
}
