//! Parses the header of an RTP packet (RFC 3550, 5.1) and its extensions (RFC 8285).

use super::Error;
use std::ops::Range;

/// Bytes of the fixed part of the header.
const FIXED_LEN: usize = 12;

/// Profile of the one-byte form of header extensions (RFC 8285, 4.2).
pub(super) const ONE_BYTE: u16 = 0xbede;
/// Profile of the two-byte form, without its four application bits (RFC 8285, 4.3).
pub(super) const TWO_BYTE: u16 = 0x1000;

/// A parsed header. It keeps offsets, not references, so that the packet can be decrypted in place afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Bytes of the whole header: fixed part, CSRCs and extensions. At most the length of the parsed packet.
    pub header_len: usize,
    /// Whether the last byte of the (decrypted) packet counts padding.
    pub padding: bool,
    extension: Option<Extension>,
}

/// Where the extension data lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extension {
    profile: u16,
    start: usize,
    len: usize,
}

impl Header {
    /// Parses a header. Works on plain and on SRTP packets: the header is never encrypted.
    pub fn parse(packet: &[u8]) -> Result<Self, Error> {
        let truncated = Error::Truncated { len: packet.len() };
        let (fixed, rest) = packet.split_first_chunk::<FIXED_LEN>().ok_or(truncated)?;
        let version = fixed[0] >> 6;
        if version != 2 {
            return Err(Error::Version { version });
        }
        let csrcs_len = 4 * usize::from(fixed[0] & 0x0f);
        let mut header_len = FIXED_LEN + csrcs_len;
        let after_csrcs = rest.get(csrcs_len..).ok_or(truncated)?;
        let mut extension = None;
        if fixed[0] & 0x10 != 0 {
            let preamble = after_csrcs.first_chunk::<4>().ok_or(truncated)?;
            let len = 4 * usize::from(u16::from_be_bytes([preamble[2], preamble[3]]));
            let profile = u16::from_be_bytes([preamble[0], preamble[1]]);
            extension = Some(Extension { profile, start: header_len + 4, len });
            header_len += 4 + len;
        }
        if header_len > packet.len() {
            return Err(truncated);
        }
        Ok(Header {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            header_len,
            padding: fixed[0] & 0x20 != 0,
            extension,
        })
    }

    /// The header extensions, in their order. `packet` is the one that was parsed.
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        let Some(Extension { profile, start, len }) = self.extension else {
            return Extensions { data: &[], two_byte: false };
        };
        let data = match profile {
            ONE_BYTE => packet.get(start..start + len),
            profile if profile & 0xfff0 == TWO_BYTE => packet.get(start..start + len),
            _ => None,
        };
        Extensions { data: data.unwrap_or_default(), two_byte: profile != ONE_BYTE }
    }

    /// The data of one extension.
    pub fn extension<'a>(&self, packet: &'a [u8], id: u8) -> Option<&'a [u8]> {
        self.extensions(packet).find(|(found, _)| *found == id).map(|(_, data)| data)
    }

    /// Where the payload lies in the decrypted packet, padding removed. The range may be empty.
    pub fn payload_range(&self, packet: &[u8]) -> Result<Range<usize>, Error> {
        let payload = packet.len().checked_sub(self.header_len).ok_or(Error::Truncated { len: packet.len() })?;
        if !self.padding {
            return Ok(self.header_len..packet.len());
        }
        let padding = if payload == 0 { 0 } else { packet[packet.len() - 1] };
        if padding == 0 || usize::from(padding) > payload {
            return Err(Error::Padding { padding, payload });
        }
        Ok(self.header_len..packet.len() - usize::from(padding))
    }

    /// The payload of the decrypted packet, padding removed.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> Result<&'a [u8], Error> {
        self.payload_range(packet).map(|range| &packet[range])
    }
}

/// Iterates over `(id, data)`; ends at the first element that is malformed.
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    data: &'a [u8],
    two_byte: bool,
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&first, rest) = self.data.split_first()?;
            // Id 0 is a byte of padding, whatever its length says.
            let (id, len, rest) = if self.two_byte {
                if first == 0 {
                    self.data = rest;
                    continue;
                }
                let (&len, rest) = rest.split_first()?;
                (first, usize::from(len), rest)
            } else {
                match first >> 4 {
                    0 => {
                        self.data = rest;
                        continue;
                    }
                    // RFC 8285, 4.2: id 15 ends the processing.
                    15 => {
                        self.data = &[];
                        return None;
                    }
                    id => (id, usize::from(first & 0x0f) + 1, rest),
                }
            };
            let Some((data, rest)) = rest.split_at_checked(len) else {
                self.data = &[];
                return None;
            };
            self.data = rest;
            return Some((id, data));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![first, 0x80 | 96, 0x12, 0x34, 0, 0, 0, 7, 0xde, 0xad, 0xbe, 0xef];
        packet.extend_from_slice(rest);
        packet
    }

    #[test]
    fn fields_are_read() {
        let packet = packet(0x80, b"payload");
        let header = Header::parse(&packet).unwrap();
        assert!(header.marker);
        assert_eq!((header.payload_type, header.sequence, header.timestamp), (96, 0x1234, 7));
        assert_eq!((header.ssrc, header.header_len), (0xdead_beef, 12));
        assert_eq!(header.payload(&packet).unwrap(), b"payload");
        assert_eq!(header.extensions(&packet).count(), 0);
    }

    #[test]
    fn lengths_are_checked() {
        let rows: [(&str, Vec<u8>, Result<usize, Error>); 8] = [
            ("empty", vec![], Err(Error::Truncated { len: 0 })),
            ("11 bytes", packet(0x80, &[])[..11].to_vec(), Err(Error::Truncated { len: 11 })),
            ("version 1", packet(0x40, &[]), Err(Error::Version { version: 1 })),
            ("two csrcs", packet(0x82, &[0; 8]), Ok(20)),
            ("two csrcs, one there", packet(0x82, &[0; 4]), Err(Error::Truncated { len: 16 })),
            ("extension preamble cut", packet(0x90, &[0xbe, 0xde, 0]), Err(Error::Truncated { len: 15 })),
            ("extension cut", packet(0x90, &[0xbe, 0xde, 0, 2, 0, 0, 0, 0]), Err(Error::Truncated { len: 20 })),
            ("empty extension", packet(0x90, &[0xbe, 0xde, 0, 0]), Ok(16)),
        ];
        for (name, bytes, expected) in rows {
            assert_eq!(Header::parse(&bytes).map(|header| header.header_len), expected, "{name}");
        }
    }

    #[test]
    fn extensions_of_both_forms() {
        type Row<'a> = (&'a str, Vec<u8>, Vec<(u8, &'a [u8])>);
        let rows: [Row<'_>; 8] = [
            ("one byte", vec![0xbe, 0xde, 0, 1, 0x10, 7, 0x20, 8], vec![(1, &[7]), (2, &[8])]),
            ("padding between", vec![0xbe, 0xde, 0, 2, 0, 0x11, 7, 8, 0, 0, 0x30, 9], vec![(1, &[7, 8]), (3, &[9])]),
            ("id 0 with a length", vec![0xbe, 0xde, 0, 1, 0x07, 0x10, 7, 0], vec![(1, &[7])]),
            ("id 15 ends", vec![0xbe, 0xde, 0, 1, 0x10, 7, 0xf0, 8], vec![(1, &[7])]),
            ("element too long", vec![0xbe, 0xde, 0, 1, 0x10, 7, 0x2f, 8], vec![(1, &[7])]),
            ("two byte", vec![0x10, 0, 0, 2, 20, 0, 1, 3, 7, 8, 9, 0], vec![(20, &[]), (1, &[7, 8, 9])]),
            ("two byte, application bits", vec![0x10, 5, 0, 1, 200, 1, 7, 0], vec![(200, &[7])]),
            ("unknown profile", vec![0xab, 0xac, 0, 1, 0x10, 7, 0x20, 8], vec![]),
        ];
        for (name, bytes, expected) in rows {
            let packet = packet(0x90, &bytes);
            let header = Header::parse(&packet).unwrap();
            assert_eq!(header.extensions(&packet).collect::<Vec<_>>(), expected, "{name}");
            assert_eq!(header.payload(&packet).unwrap(), b"", "{name}");
        }
    }

    #[test]
    fn padding_is_removed_and_checked() {
        let rows: [(&[u8], Option<&[u8]>); 6] = [
            (&[1, 2, 3, 0, 0, 3], Some(&[1, 2, 3])),
            (&[1, 2, 1], Some(&[1, 2])),
            (&[0, 2], Some(&[])),
            (&[1, 2, 4], None),
            (&[1, 2, 0], None),
            (&[], None),
        ];
        for (payload, expected) in rows {
            let packet = packet(0xa0, payload);
            let header = Header::parse(&packet).unwrap();
            assert_eq!(header.payload(&packet).ok(), expected, "{payload:?}");
        }
    }

    #[test]
    fn a_shorter_buffer_than_parsed_is_no_panic() {
        let packet = packet(0x90, &[0xbe, 0xde, 0, 1, 0x10, 7, 0x20, 8]);
        let header = Header::parse(&packet).unwrap();
        assert_eq!(header.extensions(&packet[..14]).count(), 0);
        assert!(header.payload(&packet[..14]).is_err());
    }
}
