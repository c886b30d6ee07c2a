//! Writes RTP headers with extensions into a caller's buffer, without allocation.

use super::Error;
use super::header::{ONE_BYTE, TWO_BYTE};
use crate::media::NtpTime;

/// The fixed part of a header to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderFields {
    pub marker: bool,
    /// 0 to 127; the top bit is dropped.
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Sets the padding bit; the caller writes the padding behind the payload.
    pub padding: bool,
}

/// The value of a header extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionValue<'a> {
    /// The m-line's `a=mid` (RFC 9143).
    Mid(&'a str),
    /// Absolute capture time; with the estimated offset of the capturer's clock in NTP units (2^-32 s) 16 bytes, else 8.
    AbsCaptureTime { time: NtpTime, clock_offset: Option<i64> },
    /// Transport-wide sequence number.
    TransportCc(u16),
    /// Voice flag and level (RFC 6464).
    AudioLevel(u8),
    /// Anything else, as it is.
    Raw(&'a [u8]),
}

impl ExtensionValue<'_> {
    /// Bytes of the value.
    fn len(&self) -> usize {
        match self {
            ExtensionValue::Mid(mid) => mid.len(),
            ExtensionValue::AbsCaptureTime { clock_offset: None, .. } => 8,
            ExtensionValue::AbsCaptureTime { clock_offset: Some(_), .. } => 16,
            ExtensionValue::TransportCc(_) => 2,
            ExtensionValue::AudioLevel(_) => 1,
            ExtensionValue::Raw(data) => data.len(),
        }
    }

    /// Writes the value into a slice of exactly its length.
    fn write(&self, out: &mut [u8]) {
        match self {
            ExtensionValue::Mid(mid) => out.copy_from_slice(mid.as_bytes()),
            ExtensionValue::AbsCaptureTime { time, clock_offset } => {
                out[..8].copy_from_slice(&time.0.to_be_bytes());
                if let Some(offset) = clock_offset {
                    out[8..].copy_from_slice(&offset.to_be_bytes());
                }
            }
            ExtensionValue::TransportCc(number) => out.copy_from_slice(&number.to_be_bytes()),
            ExtensionValue::AudioLevel(level) => out[0] = *level,
            ExtensionValue::Raw(data) => out.copy_from_slice(data),
        }
    }
}

/// Whether an extension can be written at all: id 0 is padding, and 255 bytes is the most that the two-byte form holds.
fn writable((id, value): &(u8, ExtensionValue<'_>)) -> bool {
    *id != 0 && value.len() <= 255
}

/// Whether the two-byte form is needed (RFC 8285, 4.3), and the bytes of all elements without padding.
fn measure(extensions: &[(u8, ExtensionValue<'_>)]) -> (bool, usize) {
    let (mut two_byte, mut count, mut values) = (false, 0, 0);
    for extension in extensions.iter().filter(|extension| writable(extension)) {
        let len = extension.1.len();
        two_byte |= extension.0 > 14 || len == 0 || len > 16;
        count += 1;
        values += len;
    }
    (two_byte, values + if two_byte { 2 * count } else { count })
}

/// Bytes of the header that [`write_header`] writes for these extensions.
pub fn header_len(extensions: &[(u8, ExtensionValue<'_>)]) -> usize {
    match measure(extensions).1 {
        0 => 12,
        elements => 16 + elements.next_multiple_of(4),
    }
}

/// Writes a header to the start of `buf` and returns its length.
///
/// Extensions are `(id, value)`, written in the order given, in the one-byte form where every id is at most 14 and every value
/// has 1 to 16 bytes, else all in the two-byte form. An id 0 or a value of more than 255 bytes is left out.
#[inline]
pub fn write_header(
    buf: &mut [u8],
    fields: &HeaderFields,
    extensions: &[(u8, ExtensionValue<'_>)],
) -> Result<usize, Error> {
    let (two_byte, elements) = measure(extensions);
    let padded = elements.next_multiple_of(4);
    let needed = if elements == 0 { 12 } else { 16 + padded };
    let room = buf.len();
    let Some(out) = buf.get_mut(..needed) else {
        return Err(Error::NoRoom { needed, room });
    };
    out[0] = 0x80 | (u8::from(fields.padding) << 5) | (u8::from(elements > 0) << 4);
    out[1] = (u8::from(fields.marker) << 7) | (fields.payload_type & 0x7f);
    out[2..4].copy_from_slice(&fields.sequence.to_be_bytes());
    out[4..8].copy_from_slice(&fields.timestamp.to_be_bytes());
    out[8..12].copy_from_slice(&fields.ssrc.to_be_bytes());
    if elements == 0 {
        return Ok(needed);
    }
    let profile = if two_byte { TWO_BYTE } else { ONE_BYTE };
    out[12..14].copy_from_slice(&profile.to_be_bytes());
    out[14..16].copy_from_slice(&((padded / 4) as u16).to_be_bytes());
    let mut at = 16;
    for (id, value) in extensions.iter().filter(|extension| writable(extension)) {
        let len = value.len();
        if two_byte {
            out[at] = *id;
            out[at + 1] = len as u8;
            at += 2;
        } else {
            out[at] = (id << 4) | (len - 1) as u8;
            at += 1;
        }
        value.write(&mut out[at..at + len]);
        at += len;
    }
    out[at..].fill(0);
    Ok(needed)
}

#[cfg(test)]
mod tests {
    use super::super::Header;
    use super::*;

    const FIELDS: HeaderFields = HeaderFields {
        marker: true,
        payload_type: 111,
        sequence: 0xfffe,
        timestamp: 0x0102_0304,
        ssrc: 0xcafe_babe,
        padding: false,
    };

    #[test]
    fn what_is_written_parses_back() {
        let long = [5u8; 17];
        let too_long = [5u8; 256];
        let capture =
            |clock_offset| ExtensionValue::AbsCaptureTime { time: NtpTime(0x0102_0304_0506_0708), clock_offset };
        let time: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];
        let with_offset: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 255, 255, 255, 255, 255, 255, 255, 255];
        type Row<'a> = (&'a [(u8, ExtensionValue<'a>)], usize, Vec<(u8, &'a [u8])>);
        let rows: [Row<'_>; 9] = [
            (&[], 12, vec![]),
            (&[(3, ExtensionValue::Mid("0"))], 20, vec![(3, b"0")]),
            (
                &[(4, ExtensionValue::TransportCc(0x1234)), (3, ExtensionValue::Mid("v1"))],
                24,
                vec![(4, &[0x12, 0x34]), (3, b"v1")],
            ),
            (&[(1, capture(None)), (14, ExtensionValue::AudioLevel(0x85))], 28, vec![(1, time), (14, &[0x85])]),
            (&[(1, capture(Some(-1)))], 36, vec![(1, with_offset)]),
            (&[(15, ExtensionValue::AudioLevel(1)), (2, capture(None))], 32, vec![(15, &[1]), (2, time)]),
            (&[(2, ExtensionValue::Raw(&long))], 36, vec![(2, &long)]),
            (&[(2, ExtensionValue::Mid(""))], 20, vec![(2, &[])]),
            (&[(2, ExtensionValue::Raw(&too_long)), (0, ExtensionValue::TransportCc(1))], 12, vec![]),
        ];
        for (extensions, len, expected) in rows {
            let mut buf = [0xaa; 64];
            assert_eq!(write_header(&mut buf, &FIELDS, extensions), Ok(len), "{extensions:?}");
            assert_eq!(header_len(extensions), len, "{extensions:?}");
            let header = Header::parse(&buf[..len]).unwrap();
            assert_eq!(header.header_len, len);
            assert_eq!(header.extensions(&buf).collect::<Vec<_>>(), expected);
            assert_eq!((header.marker, header.payload_type, header.sequence), (true, 111, 0xfffe));
            assert_eq!((header.timestamp, header.ssrc, header.padding), (0x0102_0304, 0xcafe_babe, false));
            assert!(buf[len..].iter().all(|byte| *byte == 0xaa), "nothing is written behind the header");
        }
    }

    #[test]
    fn a_small_buffer_is_an_error() {
        let mut buf = [0; 19];
        let extensions = [(3, ExtensionValue::Mid("0"))];
        assert_eq!(write_header(&mut buf, &FIELDS, &extensions), Err(Error::NoRoom { needed: 20, room: 19 }));
        assert!(write_header(&mut buf[..12], &FIELDS, &[]).is_ok());
        assert!(write_header(&mut buf[..11], &FIELDS, &[]).is_err());
    }
}
