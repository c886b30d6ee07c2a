//! Reads the SDP answer of a server, as far as a client needs it.

use super::error::ClientError;
use crate::media::{Codec, MediaKind};
use std::net::{IpAddr, SocketAddr};

/// More candidates than this are not tried.
const MAX_CANDIDATES: usize = 16;
/// An answer repeats our offer's sections; nobody has more.
const MAX_SECTIONS: usize = 16;

/// What the server settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub ufrag: String,
    pub pwd: String,
    /// Hash name in lower case and digest.
    pub fingerprint: (String, Vec<u8>),
    /// The server starts the DTLS handshake (`a=setup:active`).
    pub server_is_active: bool,
    /// Addresses to try by UDP, in the server's order.
    pub candidates: Vec<SocketAddr>,
    /// Addresses that take connections, likewise.
    pub tcp_candidates: Vec<SocketAddr>,
    pub sections: Vec<AnswerSection>,
}

/// One m-line of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerSection {
    pub kind: Option<MediaKind>,
    pub mid: String,
    /// Port 0, or `a=inactive` (RFC 3264, 6 and 5.1).
    pub rejected: bool,
    pub formats: Vec<AnswerFormat>,
    pub extensions: Vec<(u8, String)>,
    /// SSRC of the media, where a sender names it, and of its retransmissions.
    pub ssrc: Option<u32>,
    pub rtx_ssrc: Option<u32>,
}

/// One payload type of the answer that carries media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerFormat {
    pub payload_type: u8,
    pub codec: Codec,
    pub rtx: Option<u8>,
    /// Retransmissions may be asked for.
    pub nack: bool,
}

impl Answer {
    /// Parses an answer; lines that do not matter to us are skipped.
    pub fn parse(sdp: &str) -> Result<Self, ClientError> {
        let fail = |what: &str| ClientError::Answer(what.to_owned());
        if !sdp.trim_start().starts_with("v=0") {
            let start: String = sdp.chars().filter(|c| !c.is_control()).take(60).collect();
            return Err(ClientError::Answer(format!("it is no SDP but `{start}`")));
        }
        let mut answer = Answer::default();
        let mut drafts: Vec<Draft> = Vec::new();
        for line in sdp.lines().map(str::trim_end) {
            if let Some(media) = line.strip_prefix("m=") {
                if drafts.len() == MAX_SECTIONS {
                    return Err(fail("it has more sections than we offered"));
                }
                drafts.push(Draft::new(media));
            } else if let Some(attribute) = line.strip_prefix("a=") {
                let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
                if !answer.transport_attribute(name, value)
                    && let Some(draft) = drafts.last_mut()
                {
                    draft.attribute(name, value);
                }
            }
        }
        answer.sections = drafts.into_iter().map(Draft::finish).collect();
        if answer.ufrag.is_empty() || answer.pwd.is_empty() {
            return Err(fail("it has no ICE credentials"));
        }
        if answer.fingerprint.1.is_empty() {
            return Err(fail("it has no certificate fingerprint"));
        }
        if answer.candidates.is_empty() && answer.tcp_candidates.is_empty() {
            return Err(fail("it names no address to send to"));
        }
        if answer.sections.iter().all(|section| section.rejected || section.formats.is_empty()) {
            return Err(fail("the server took none of the tracks"));
        }
        Ok(answer)
    }

    /// The first accepted section of a kind.
    pub fn section(&self, kind: MediaKind) -> Option<&AnswerSection> {
        self.sections
            .iter()
            .find(|section| section.kind == Some(kind) && !section.rejected && !section.formats.is_empty())
    }

    /// Attributes of the one bundled transport: session level, or repeated in each section.
    fn transport_attribute(&mut self, name: &str, value: &str) -> bool {
        match name {
            "ice-ufrag" if self.ufrag.is_empty() => self.ufrag = value.to_owned(),
            "ice-pwd" if self.pwd.is_empty() => self.pwd = value.to_owned(),
            "fingerprint" if self.fingerprint.1.is_empty() => {
                if let Some((hash, digest)) = value.split_once(' ')
                    && let Some(digest) = parse_digest(digest)
                {
                    self.fingerprint = (hash.to_ascii_lowercase(), digest);
                }
            }
            "setup" => self.server_is_active = value.trim() == "active",
            "candidate" => {
                if let Some((address, tcp)) = parse_candidate(value) {
                    let candidates = if tcp { &mut self.tcp_candidates } else { &mut self.candidates };
                    if candidates.len() < MAX_CANDIDATES && !candidates.contains(&address) {
                        candidates.push(address);
                    }
                }
            }
            "ice-ufrag" | "ice-pwd" | "fingerprint" => {}
            _ => return false,
        }
        true
    }
}

impl AnswerSection {
    /// The codec of a payload type.
    pub fn format(&self, payload_type: u8) -> Option<&AnswerFormat> {
        self.formats.iter().find(|format| format.payload_type == payload_type)
    }

    /// The media payload type that retransmissions of this one stand for.
    pub fn retransmits(&self, payload_type: u8) -> Option<&AnswerFormat> {
        self.formats.iter().find(|format| format.rtx == Some(payload_type))
    }

    /// The id of a header extension.
    pub fn extension(&self, uri: &str) -> Option<u8> {
        self.extensions.iter().find(|(_, name)| name == uri).map(|(id, _)| *id)
    }
}

/// An m-line while its attributes come in.
struct Draft {
    section: AnswerSection,
    order: Vec<u8>,
    codecs: Vec<(u8, Codec)>,
    rtx: Vec<(u8, u8)>,
    nack: Vec<String>,
}

impl Draft {
    fn new(media: &str) -> Self {
        let mut fields = media.split_ascii_whitespace();
        let kind = match fields.next() {
            Some("audio") => Some(MediaKind::Audio),
            Some("video") => Some(MediaKind::Video),
            _ => None,
        };
        let rejected = fields.next() == Some("0");
        let order: Vec<u8> = fields.skip(1).filter_map(|field| field.parse().ok()).collect();
        // Static payload types need no rtpmap (RFC 3551, 6).
        let statics = [(0, Codec::Pcmu), (8, Codec::Pcma)];
        let codecs =
            statics.into_iter().filter(|(pt, _)| kind == Some(MediaKind::Audio) && order.contains(pt)).collect();
        let section = AnswerSection {
            kind,
            mid: String::new(),
            rejected,
            formats: Vec::new(),
            extensions: Vec::new(),
            ssrc: None,
            rtx_ssrc: None,
        };
        Draft { section, order, codecs, rtx: Vec::new(), nack: Vec::new() }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let (first, rest) = value.split_once(' ').unwrap_or((value, ""));
        match name {
            "mid" => self.section.mid = value.to_owned(),
            "inactive" => self.section.rejected = true,
            "rtpmap" => {
                let codec = rest.split('/').next().and_then(Codec::from_sdp_name);
                if let (Ok(payload_type), Some(codec)) = (first.parse::<u8>(), codec) {
                    self.codecs.retain(|(known, _)| *known != payload_type);
                    self.codecs.push((payload_type, codec));
                }
            }
            "fmtp" => {
                let apt = rest.split(';').find_map(|parameter| parameter.trim().strip_prefix("apt="));
                if let (Ok(payload_type), Some(Ok(of))) = (first.parse(), apt.map(str::parse)) {
                    self.rtx.push((of, payload_type));
                }
            }
            "rtcp-fb" if rest == "nack" => self.nack.push(first.to_owned()),
            "extmap" => {
                let id = first.split('/').next().unwrap_or_default();
                let uri = rest.split(' ').next().unwrap_or_default();
                if let Ok(id) = id.parse() {
                    self.section.extensions.push((id, uri.to_owned()));
                }
            }
            "ssrc" => {
                if let (None, Ok(ssrc)) = (self.section.ssrc, first.parse()) {
                    self.section.ssrc = Some(ssrc);
                }
            }
            "ssrc-group" if first == "FID" => {
                let mut pair = rest.split_ascii_whitespace().map(str::parse);
                if let (Some(Ok(media)), Some(Ok(rtx))) = (pair.next(), pair.next()) {
                    self.section.ssrc = Some(media);
                    self.section.rtx_ssrc = Some(rtx);
                }
            }
            _ => {}
        }
    }

    fn finish(self) -> AnswerSection {
        let Draft { mut section, order, codecs, rtx, nack } = self;
        for payload_type in order {
            if let Some((_, codec)) = codecs.iter().find(|(pt, _)| *pt == payload_type) {
                section.formats.push(AnswerFormat {
                    payload_type,
                    codec: *codec,
                    rtx: rtx.iter().find(|(of, _)| *of == payload_type).map(|(_, rtx)| *rtx),
                    nack: nack.iter().any(|pt| pt == "*" || pt.parse() == Ok(payload_type)),
                });
            }
        }
        section
    }
}

fn parse_digest(text: &str) -> Option<Vec<u8>> {
    text.trim().split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect()
}

/// The literal address of a candidate (RFC 8839, 5.1), and whether it takes TCP connections; mDNS names are not for us.
fn parse_candidate(value: &str) -> Option<(SocketAddr, bool)> {
    let mut fields = value.split_ascii_whitespace().skip(1);
    let component = fields.next()?;
    let transport = fields.next()?;
    let address: IpAddr = fields.nth(1)?.parse().ok()?;
    let port: u16 = fields.next()?.parse().ok()?;
    let tcp = transport.eq_ignore_ascii_case("tcp") && value.contains(" tcptype passive");
    let known = tcp || transport.eq_ignore_ascii_case("udp");
    let usable = component == "1" && known && port != 0 && !address.is_unspecified();
    usable.then_some((SocketAddr::new(address, port), tcp))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-lite\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:uuuu\r\na=ice-pwd:pppppppppppppppppppppp\r\n\
        a=fingerprint:SHA-256 01:AB\r\na=setup:passive\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\na=ssrc:9 cname:x\r\n\
        a=candidate:1 1 UDP 2130706431 127.0.0.1 8189 typ host\r\na=candidate:2 1 tcp 1 127.0.0.1 8189 typ host tcptype passive\r\n\
        a=candidate:3 1 udp 1 ::1 8189 typ host\r\na=candidate:4 1 udp 1 x.local 8189 typ host\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=mid:1\r\na=rtpmap:102 h264/90000\r\na=rtpmap:103 rtx/90000\r\n\
        a=fmtp:103 apt=102\r\na=fmtp:102 packetization-mode=1\r\na=rtcp-fb:102 nack\r\na=rtcp-fb:102 nack pli\r\n\
        a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=ssrc-group:FID 20 21\r\n\
        m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n";

    #[test]
    fn reads_transport_and_tracks() {
        let answer = Answer::parse(ANSWER).unwrap();
        assert_eq!((answer.ufrag.as_str(), answer.pwd.as_str()), ("uuuu", "pppppppppppppppppppppp"));
        assert_eq!(answer.fingerprint, ("sha-256".to_owned(), vec![1, 0xab]));
        assert!(!answer.server_is_active);
        let candidates: Vec<SocketAddr> = vec!["127.0.0.1:8189".parse().unwrap(), "[::1]:8189".parse().unwrap()];
        assert_eq!((&answer.candidates, &answer.tcp_candidates[..]), (&candidates, &candidates[..1]));
        let audio = answer.section(MediaKind::Audio).unwrap();
        assert_eq!((audio.formats[0].codec, audio.ssrc), (Codec::Opus, Some(9)));
        let video = answer.section(MediaKind::Video).unwrap();
        let format = AnswerFormat { payload_type: 102, codec: Codec::H264, rtx: Some(103), nack: true };
        assert_eq!(video.formats, std::slice::from_ref(&format));
        assert_eq!((video.ssrc, video.rtx_ssrc), (Some(20), Some(21)));
        assert_eq!(video.extension("urn:ietf:params:rtp-hdrext:sdes:mid"), Some(4));
        assert_eq!(video.retransmits(103), Some(&format));
        assert!(answer.sections[2].rejected);
    }

    #[test]
    fn says_what_an_answer_lacks() {
        for (without, words) in [
            ("a=ice-ufrag", "ICE credentials"),
            ("a=fingerprint", "fingerprint"),
            ("a=candidate", "no address"),
            ("a=rtpmap", "none of the tracks"),
            ("v=0", "no SDP"),
        ] {
            let sdp: String =
                ANSWER.lines().filter(|line| !line.starts_with(without)).map(|l| format!("{l}\r\n")).collect();
            let error = Answer::parse(&sdp).unwrap_err().to_string();
            assert!(error.contains(words), "{without}: {error}");
        }
    }

    #[test]
    fn every_cut_of_an_answer_is_harmless() {
        for end in 0..ANSWER.len() {
            drop(Answer::parse(&ANSWER[..end]));
        }
    }
}
