//! The payload of retransmissions (RFC 4588): two bytes of original sequence number, then the original payload.

/// The original sequence number and payload of a retransmission; `None` for padding probes, which carry neither.
pub fn rtx_original(payload: &[u8]) -> Option<(u16, &[u8])> {
    let (number, original) = payload.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*number), original))
}

/// Writes the original sequence number to the start of `buf`, which is the place behind the header; returns the 2 bytes
/// written, or 0 if there is no room.
pub fn write_rtx_prefix(buf: &mut [u8], original: u16) -> usize {
    match buf.first_chunk_mut::<2>() {
        Some(out) => {
            *out = original.to_be_bytes();
            2
        }
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_round_trips() {
        let mut buf = *b"..payload";
        assert_eq!(write_rtx_prefix(&mut buf, 0xabcd), 2);
        assert_eq!(rtx_original(&buf), Some((0xabcd, &b"payload"[..])));
        assert_eq!(rtx_original(&[]), None);
        assert_eq!(rtx_original(&[1]), None);
        assert_eq!(write_rtx_prefix(&mut [0], 1), 0);
    }
}
