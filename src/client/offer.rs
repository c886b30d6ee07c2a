//! SDP offers of a client: one bundled transport, a section for each track (RFC 8829, RFC 9725).

use crate::media::{Codec, MediaKind, TrackInfo};
use std::fmt::Write;
use std::net::SocketAddr;

/// The RTP header extension that a publisher offers: when a frame was captured.
pub const ABS_CAPTURE_TIME: (u8, &str) = (1, "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time");

/// The RTP header extension that a viewer offers for its picture: numbers over all streams, of whose arrival it tells.
pub const TRANSPORT_CC: (u8, &str) = (2, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01");

/// Our side of the transport.
#[derive(Clone, Copy, Debug)]
pub struct LocalDescription<'a> {
    pub ufrag: &'a str,
    pub pwd: &'a str,
    /// SHA-256 of our certificate.
    pub fingerprint: &'a [u8; 32],
    /// A host candidate; a server that only answers does not need it.
    pub candidate: Option<SocketAddr>,
    pub session_id: u64,
}

/// One payload type of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    pub payload_type: u8,
    pub codec: Codec,
    /// `a=fmtp` without the payload type; empty: none.
    pub fmtp: String,
    /// Payload type of its retransmissions (RFC 4588).
    pub rtx: Option<u8>,
}

/// One m-line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub kind: MediaKind,
    pub formats: Vec<Format>,
    pub direction: &'static str,
    /// What a sender announces: its SSRC and that of its retransmissions.
    pub ssrc: Option<(u32, Option<u32>)>,
    pub extensions: Vec<(u8, &'static str)>,
    /// Ask for retransmissions, that is `a=rtcp-fb: nack`.
    pub nack: bool,
}

/// The sections of a viewer that can take every codec, with retransmissions.
pub fn viewer_sections(audio: bool, video: bool) -> Vec<Section> {
    let mut sections = Vec::new();
    if audio {
        sections.push(section(
            MediaKind::Audio,
            "recvonly",
            vec![
                format(111, Codec::Opus, "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1", None),
                format(0, Codec::Pcmu, "", None),
                format(8, Codec::Pcma, "", None),
            ],
        ));
    }
    if video {
        let h264 = |profile: &str, mode: u8| {
            format!("level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={profile}")
        };
        let formats = vec![
            format(102, Codec::H264, &h264("42e01f", 1), Some(103)),
            format(104, Codec::H264, &h264("42001f", 1), Some(105)),
            format(106, Codec::H264, &h264("4d001f", 1), Some(107)),
            format(108, Codec::H264, &h264("64001f", 1), Some(109)),
            format(112, Codec::H264, &h264("42e01f", 0), Some(113)),
            format(96, Codec::Vp8, "", Some(97)),
            format(98, Codec::Vp9, "profile-id=0", Some(99)),
            format(45, Codec::Av1, "level-idx=5;profile=0;tier=0", Some(46)),
            format(49, Codec::H265, "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST", Some(50)),
        ];
        let mut section = section(MediaKind::Video, "recvonly", formats);
        section.extensions = vec![TRANSPORT_CC];
        sections.push(section);
    }
    sections
}

/// The sections of a load generator's viewer: every packet is counted, so nothing may be sent twice.
pub fn counting_sections(audio: bool, video: bool) -> Vec<Section> {
    let mut sections = viewer_sections(audio, video);
    for section in &mut sections {
        section.nack = false;
        section.extensions.clear();
        for format in &mut section.formats {
            format.rtx = None;
        }
        section.formats.retain(|format| section.kind == MediaKind::Audio || format.payload_type != 112);
    }
    sections
}

/// The section of a track that we send.
pub fn sender_section(track: &TrackInfo, ssrc: u32, rtx_ssrc: u32) -> Section {
    let kind = track.kind();
    let (payload_type, rtx) = match track.codec {
        Codec::Pcmu => (0, None),
        Codec::Pcma => (8, None),
        Codec::Opus => (111, None),
        _ => (102, Some(103)),
    };
    let fmtp = sender_parameters(track);
    let mut section = section(kind, "sendonly", vec![format(payload_type, track.codec, &fmtp, rtx)]);
    section.ssrc = Some((ssrc, rtx.map(|_| rtx_ssrc)));
    section.extensions = vec![ABS_CAPTURE_TIME];
    section
}

/// The format parameters of a track that we send: its own, and what receivers need to know besides.
fn sender_parameters(track: &TrackInfo) -> String {
    let mut parameters = track.fmtp.clone();
    let mut add = |name: &str, value: &str| {
        if track.parameter(name).is_none() {
            parameters.push((name.to_owned(), value.to_owned()));
        }
    };
    match track.codec {
        Codec::H264 => {
            // Profile, constraints and level stand at the beginning of the sequence parameter set (H.264, 7.3.2.1.1).
            let sps = track.parameter_sets.iter().find(|nal| nal.len() > 3 && nal[0] & 0x1f == 7);
            let profile = sps.map_or("42e01f".to_owned(), |sps| format!("{:02x}{:02x}{:02x}", sps[1], sps[2], sps[3]));
            add("level-asymmetry-allowed", "1");
            add("packetization-mode", "1");
            add("profile-level-id", &profile);
        }
        Codec::Opus => {
            add("minptime", "10");
            add("useinbandfec", "1");
            if track.channels == 2 {
                add("stereo", "1");
                add("sprop-stereo", "1");
            }
        }
        _ => {}
    }
    parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(";")
}

/// Writes the offer.
pub fn write_offer(local: &LocalDescription<'_>, sections: &[Section]) -> String {
    let mut sdp = format!("v=0\r\no=- {} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE", local.session_id);
    for mid in 0..sections.len() {
        push(&mut sdp, format_args!(" {mid}"));
    }
    sdp.push_str("\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS wasmcast\r\n");
    for (mid, section) in sections.iter().enumerate() {
        write_section(&mut sdp, local, mid, section);
    }
    sdp
}

fn write_section(sdp: &mut String, local: &LocalDescription<'_>, mid: usize, section: &Section) {
    let kind = if section.kind == MediaKind::Audio { "audio" } else { "video" };
    push(sdp, format_args!("m={kind} 9 UDP/TLS/RTP/SAVPF"));
    for format in &section.formats {
        push(sdp, format_args!(" {}", format.payload_type));
        if let Some(rtx) = format.rtx {
            push(sdp, format_args!(" {rtx}"));
        }
    }
    sdp.push_str("\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n");
    if let Some(candidate) = local.candidate {
        let (ip, port) = (candidate.ip(), candidate.port());
        push(sdp, format_args!("a=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\na=end-of-candidates\r\n"));
    }
    push(sdp, format_args!("a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", local.ufrag, local.pwd));
    let digest = local.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
    push(sdp, format_args!("a=fingerprint:sha-256 {digest}\r\na=setup:actpass\r\na=mid:{mid}\r\n"));
    for (id, uri) in &section.extensions {
        push(sdp, format_args!("a=extmap:{id} {uri}\r\n"));
    }
    push(sdp, format_args!("a={}\r\n", section.direction));
    if section.ssrc.is_some() {
        push(sdp, format_args!("a=msid:wasmcast {kind}\r\n"));
    }
    sdp.push_str("a=rtcp-mux\r\na=rtcp-rsize\r\n");
    for format in &section.formats {
        write_format(sdp, section, format);
    }
    if let Some((ssrc, rtx)) = section.ssrc {
        if let Some(rtx) = rtx {
            push(sdp, format_args!("a=ssrc-group:FID {ssrc} {rtx}\r\n"));
        }
        for ssrc in [Some(ssrc), rtx].into_iter().flatten() {
            push(sdp, format_args!("a=ssrc:{ssrc} cname:wasmcast\r\na=ssrc:{ssrc} msid:wasmcast {kind}\r\n"));
        }
    }
}

fn write_format(sdp: &mut String, section: &Section, format: &Format) {
    let (pt, codec) = (format.payload_type, format.codec);
    push(sdp, format_args!("a=rtpmap:{pt} {}/{}", codec.sdp_name(), codec.clock_rate()));
    sdp.push_str(if codec == Codec::Opus { "/2\r\n" } else { "\r\n" });
    if section.kind == MediaKind::Video {
        push(sdp, format_args!("a=rtcp-fb:{pt} ccm fir\r\n"));
        if section.extensions.contains(&TRANSPORT_CC) {
            push(sdp, format_args!("a=rtcp-fb:{pt} transport-cc\r\n"));
        }
        if section.nack {
            push(sdp, format_args!("a=rtcp-fb:{pt} nack\r\n"));
        }
        push(sdp, format_args!("a=rtcp-fb:{pt} nack pli\r\n"));
    }
    if !format.fmtp.is_empty() {
        push(sdp, format_args!("a=fmtp:{pt} {}\r\n", format.fmtp));
    }
    if let Some(rtx) = format.rtx {
        push(sdp, format_args!("a=rtpmap:{rtx} rtx/{}\r\na=fmtp:{rtx} apt={pt}\r\n", codec.clock_rate()));
    }
}

fn section(kind: MediaKind, direction: &'static str, formats: Vec<Format>) -> Section {
    Section { kind, formats, direction, ssrc: None, extensions: Vec::new(), nack: kind == MediaKind::Video }
}

fn format(payload_type: u8, codec: Codec, fmtp: &str, rtx: Option<u8>) -> Format {
    Format { payload_type, codec, fmtp: fmtp.to_owned(), rtx }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: LocalDescription<'static> = LocalDescription {
        ufrag: "abcdefgh",
        pwd: "0123456789abcdef01234567",
        fingerprint: &[0xab; 32],
        candidate: None,
        session_id: 7,
    };

    #[test]
    fn a_viewer_offers_every_codec_to_receive() {
        let sdp = write_offer(&LOCAL, &viewer_sections(true, true));
        for line in [
            "a=group:BUNDLE 0 1",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8",
            "a=rtpmap:111 opus/48000/2",
            "a=recvonly",
            "a=setup:actpass",
            "a=rtpmap:45 AV1/90000",
            "a=fmtp:46 apt=45",
            "a=rtcp-fb:102 nack",
            "a=rtcp-fb:102 transport-cc",
        ] {
            assert!(sdp.lines().any(|l| l == line), "{line}\n{sdp}");
        }
        assert!(!sdp.contains("a=ssrc"));
    }

    #[test]
    fn a_counting_viewer_offers_no_retransmission() {
        let sdp = write_offer(&LOCAL, &counting_sections(true, true));
        assert!(!sdp.contains("rtx") && !sdp.lines().any(|line| line.ends_with(" nack")), "{sdp}");
        assert!(sdp.contains("nack pli"));
    }

    #[test]
    fn a_publisher_names_its_sources() {
        let mut track = TrackInfo::new(Codec::H264);
        track.fmtp.push(("packetization-mode".to_owned(), "1".to_owned()));
        track.parameter_sets.push(vec![0x67, 0x42, 0xc0, 0x15, 0xd9].into());
        let sections = [sender_section(&track, 5, 6), sender_section(&TrackInfo::new(Codec::Opus), 7, 8)];
        let sdp = write_offer(&LOCAL, &sections);
        for line in [
            "a=sendonly",
            "a=ssrc-group:FID 5 6",
            "a=fmtp:102 packetization-mode=1;level-asymmetry-allowed=1;profile-level-id=42c015",
            "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1",
            "a=ssrc:7 cname:wasmcast",
            "a=extmap:1 http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
        ] {
            assert!(sdp.lines().any(|l| l == line), "{line}\n{sdp}");
        }
        assert!(!sdp.contains("a=ssrc:8"));
    }
}
