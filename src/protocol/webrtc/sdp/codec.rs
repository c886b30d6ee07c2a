//! The codecs that an m-line offers: payload types, formats, feedback and retransmission.

use super::grammar::Attribute;
use crate::media::{Codec, MediaKind};
use crate::protocol::webrtc::Feedback;

/// Parameters of one `a=fmtp` that are read, and the length of each; browsers send up to 6 short ones, only parameter
/// sets are longer.
const MAX_PARAMETERS: usize = 32;
const MAX_PARAMETER_BYTES: usize = 4096;

/// One payload type of an m-line that stands for a codec we know.
#[derive(Clone, Debug)]
pub(super) struct OfferedCodec {
    pub payload_type: u8,
    pub codec: Codec,
    /// Encoding name, clock and channels as the offer spells them.
    pub rtpmap: String,
    /// Format parameters in the order of the offer; of repeated names the first.
    pub fmtp: Vec<(String, String)>,
    /// The payload type of its retransmissions (RFC 4588).
    pub rtx: Option<u8>,
    pub feedback: Feedback,
}

impl OfferedCodec {
    /// A format parameter by its name, compared without case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.fmtp.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Everything about formats that an m-line says.
#[derive(Debug, Default)]
pub(super) struct Formats {
    /// In the order of the m-line, which is the offerer's preference.
    pub codecs: Vec<OfferedCodec>,
    /// The names of all encodings, also of unknown ones, for error messages.
    pub names: Vec<String>,
}

/// What the attributes say of one payload type.
#[derive(Clone, Default)]
struct Format<'a> {
    rtpmap: Option<&'a str>,
    fmtp: Option<&'a str>,
    feedback: Feedback,
}

/// Reads the payload types of an m-line (`formats`: what follows the protocol) and its attributes.
pub(super) fn read(kind: MediaKind, formats: &str, attributes: &[Attribute<'_>]) -> Formats {
    let mut table: Vec<Format<'_>> = vec![Format::default(); 128];
    table[0].rtpmap = Some("PCMU/8000");
    table[8].rtpmap = Some("PCMA/8000");
    let mut seen_rtpmap = [false; 128];
    for attribute in attributes {
        let Some((number, rest)) = attribute.value.split_once([' ', '\t']) else { continue };
        let rest = rest.trim_start();
        if attribute.name == "rtcp-fb" && number == "*" {
            table.iter_mut().for_each(|format| add_feedback(&mut format.feedback, rest));
            continue;
        }
        if !matches!(attribute.name, "rtpmap" | "fmtp" | "rtcp-fb") {
            continue;
        }
        let Some(number) = number.parse::<usize>().ok().filter(|number| *number < table.len()) else { continue };
        let format = &mut table[number];
        match attribute.name {
            "rtpmap" if !seen_rtpmap[number] => {
                seen_rtpmap[number] = true;
                format.rtpmap = Some(rest);
            }
            "fmtp" if format.fmtp.is_none() => format.fmtp = Some(rest),
            "rtcp-fb" => add_feedback(&mut format.feedback, rest),
            _ => {}
        }
    }

    let mut result = Formats::default();
    let mut seen = [false; 128];
    let mut rtx = [None; 128];
    for number in formats.split_ascii_whitespace().filter_map(|text| text.parse::<u8>().ok()) {
        // 64 to 95 look like RTCP where both share a port (RFC 5761, 4).
        if number > 127 || (64..96).contains(&number) || seen[usize::from(number)] {
            continue;
        }
        seen[usize::from(number)] = true;
        let format = &table[usize::from(number)];
        let Some(rtpmap) = format.rtpmap else { continue };
        let name = rtpmap.split('/').next().unwrap_or_default();
        if name.eq_ignore_ascii_case("rtx") {
            let fmtp = parameters(format.fmtp.unwrap_or_default());
            let apt = fmtp.iter().find(|(key, _)| key == "apt").and_then(|(_, apt)| apt.parse::<usize>().ok());
            if let Some(slot @ None) = apt.and_then(|apt| rtx.get_mut(apt)) {
                *slot = Some(number);
            }
            continue;
        }
        if !result.names.iter().any(|known| known.eq_ignore_ascii_case(name)) && result.names.len() < 16 {
            result.names.push(super::error::excerpt(name));
        }
        let Some(codec) = known(kind, rtpmap) else { continue };
        result.codecs.push(OfferedCodec {
            payload_type: number,
            codec,
            rtpmap: rtpmap.to_owned(),
            fmtp: parameters(format.fmtp.unwrap_or_default()),
            rtx: None,
            feedback: format.feedback,
        });
    }
    for codec in &mut result.codecs {
        codec.rtx = rtx[usize::from(codec.payload_type)];
    }
    result
}

/// The codec of an `a=rtpmap` value, if name, clock and channels are ones that we forward.
fn known(kind: MediaKind, rtpmap: &str) -> Option<Codec> {
    let mut parts = rtpmap.split('/');
    let codec = Codec::from_sdp_name(parts.next()?).filter(|codec| codec.kind() == kind)?;
    let clock = parts.next()?.parse::<u32>().ok()?;
    let channels = parts.next().unwrap_or(if codec == Codec::Opus { "2" } else { "1" });
    let expected = if codec == Codec::Opus { "2" } else { "1" };
    (clock == codec.clock_rate() && channels == expected && parts.next().is_none()).then_some(codec)
}

/// The `name=value` pairs of an `a=fmtp`; what is too long or not printable is left out.
fn parameters(fmtp: &str) -> Vec<(String, String)> {
    let mut list: Vec<(String, String)> = Vec::new();
    for part in fmtp.split(';').take(MAX_PARAMETERS) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (name.trim(), value.trim());
        let printable = |text: &str| text.len() <= MAX_PARAMETER_BYTES && text.bytes().all(|b| b.is_ascii_graphic());
        if name.is_empty() || !printable(name) || !printable(value) {
            continue;
        }
        if !list.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            list.push((name.to_owned(), value.to_owned()));
        }
    }
    list
}

fn add_feedback(feedback: &mut Feedback, value: &str) {
    let mut words = value.split_ascii_whitespace();
    match (words.next().unwrap_or_default(), words.next()) {
        ("nack", None) => feedback.nack = true,
        ("nack", Some("pli")) => feedback.pli = true,
        ("ccm", Some("fir")) => feedback.fir = true,
        ("transport-cc", None) => feedback.transport_cc = true,
        ("goog-remb", None) => feedback.remb = true,
        _ => {}
    }
}
