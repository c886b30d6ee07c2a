//! Tests of offers and answers as a whole; here is what they share.

mod answers;
mod mutation;
mod refusals;
mod simulcast;

use super::*;
use crate::media::{Codec, TrackInfo};
use crate::protocol::webrtc::{Direction, Feedback, LocalTransport, MediaParams, Negotiated};
use std::collections::HashSet;
use std::io::Cursor;

fn recorded(name: &str) -> String {
    let path = format!("{}/tests/data/sdp/{name}.sdp", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn all_recorded() -> Vec<(String, String)> {
    let folder = format!("{}/tests/data/sdp", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".sdp").map(str::to_owned))
        .collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), recorded(&name))).collect()
}

fn local() -> LocalTransport {
    LocalTransport {
        ufrag: "localufrag".to_owned(),
        pwd: "localpasswordlocalpassword".to_owned(),
        fingerprint: [0xab; 32],
        candidates: vec!["192.0.2.1:8189".parse().unwrap(), "[2001:db8::1]:8189".parse().unwrap()],
        tcp: true,
        session_id: u64::MAX,
    }
}

fn track(codec: Codec, fmtp: &str) -> TrackInfo {
    let mut track = TrackInfo::new(codec);
    for (name, value) in fmtp.split(';').filter_map(|pair| pair.split_once('=')) {
        track.fmtp.push((name.to_owned(), value.to_owned()));
    }
    track
}

fn h264(profile_level_id: &str) -> TrackInfo {
    track(Codec::H264, &format!("packetization-mode=1;profile-level-id={profile_level_id}"))
}

fn opus() -> TrackInfo {
    track(Codec::Opus, "stereo=1;useinbandfec=1")
}

fn ingest(text: &str) -> Result<Negotiated, OfferError> {
    answer_ingest(&Offer::parse(text)?, &IngestPolicy::default(), &local())
}

fn egress(text: &str, tracks: &[TrackInfo]) -> Result<Negotiated, OfferError> {
    let policy = EgressPolicy { transport_cc: false, dependencies: false, ssrc_seed: 999 };
    answer_egress(&Offer::parse(text)?, tracks, &local(), &policy)
}

/// An answer in few words: the group, then each m-line as an independent parser sees it, with what was settled of it.
fn facts(negotiated: &Negotiated) -> String {
    let sdp = rtc_sdp::SessionDescription::unmarshal(&mut Cursor::new(negotiated.answer.as_bytes())).unwrap();
    let mut text = sdp.attribute("group").map_or("-", |group| group.strip_prefix("BUNDLE ").unwrap()).to_owned();
    for media in &sdp.media_descriptions {
        let name = &media.media_name;
        let value = |key: &str| media.attribute(key).flatten().unwrap_or("-").to_owned();
        let direction =
            ["recvonly", "sendonly", "sendrecv", "inactive"].into_iter().filter(|key| media.has_attribute(key));
        text += &format!(
            "\n{} {} {} {} mid={}",
            name.media,
            name.port.value,
            name.formats.join(","),
            direction.collect::<Vec<_>>().join("+"),
            value("mid")
        );
        let Some(params) = negotiated.media.iter().find(|params| params.mid == value("mid")) else { continue };
        let fmtp = media.attributes.iter().filter(|attribute| attribute.key == "fmtp");
        let fmtp = fmtp.filter_map(|attribute| attribute.value.as_deref()?.split_once(' '));
        let fmtp = fmtp.filter(|(pt, _)| *pt == params.payload_type.to_string()).map(|(_, fmtp)| fmtp);
        text += &format!(" {} {{{}}}", params.track.codec, fmtp.collect::<Vec<_>>().join("|"));
        if let Some(rtx) = params.rtx_payload_type {
            text += &format!(" rtx={rtx}");
        }
        let ids = [params.ssrc, params.rtx_ssrc].into_iter().flatten().map(|ssrc| ssrc.to_string());
        text += &format!(" ssrc={}", ids.collect::<Vec<_>>().join("/"));
        let ids = params.extensions;
        let list = [
            ("mid", ids.mid),
            ("twcc", ids.transport_cc),
            ("act", ids.abs_capture_time),
            ("level", ids.audio_level),
            ("rid", ids.rid),
            ("repaired", ids.repaired_rid),
            ("dependencies", ids.dependencies),
        ];
        for (name, id) in list.into_iter().filter_map(|(name, id)| Some((name, id?))) {
            text += &format!(" {name}:{id}");
        }
        let Feedback { nack, pli, fir, transport_cc, remb } = params.feedback;
        let list = [("nack", nack), ("pli", pli), ("fir", fir), ("tcc", transport_cc), ("remb", remb)];
        let list = list.into_iter().filter(|(_, used)| *used).map(|(name, _)| name);
        text += &format!(" [{}]", list.collect::<Vec<_>>().join(" "));
        if !params.rids.is_empty() {
            text += &format!(" layers={}", params.rids.join(","));
        }
        for (ssrc, rtx) in &params.layer_ssrcs {
            text += &format!(" {ssrc}/{}", rtx.unwrap_or_default());
        }
    }
    text
}

/// What holds of every answer, whatever the offer was.
fn check(offer: &str, negotiated: &Negotiated, direction: Direction) {
    let answer = &negotiated.answer;
    let sdp = rtc_sdp::SessionDescription::unmarshal(&mut Cursor::new(answer.as_bytes())).expect(answer);
    let parsed = Offer::parse(offer).unwrap();
    assert!(answer.lines().all(|line| line.as_bytes()[1] == b'=') && answer.ends_with("\r\n"), "{answer}");
    assert_eq!(sdp.media_descriptions.len(), parsed.media.len());
    assert!(sdp.has_attribute("ice-lite"));
    assert!(!negotiated.media.is_empty());
    assert_eq!(answer.matches("a=end-of-candidates").count(), 1);
    assert_eq!(answer.matches(" typ host").count(), 4, "two addresses, each by UDP and TCP");
    for word in ["a=simulcast:send", "video-orientation", "ulpfec", "flexfec", "red/", "a=candidate:1 2"] {
        assert!(!answer.contains(word), "{word} in {answer}");
    }
    let group: Vec<&str> = sdp.attribute("group").map_or(Vec::new(), |group| group.split(' ').skip(1).collect());
    let mut served = 0;
    for (media, offered) in sdp.media_descriptions.iter().zip(&parsed.media) {
        let mid = media.attribute("mid").flatten();
        assert_eq!(mid, offered.mid.as_deref());
        assert_eq!(media.media_name.media, offered.name);
        let bundled = mid.is_some_and(|mid| group.contains(&mid));
        if media.media_name.port.value == 0 {
            assert!(!bundled && media.has_attribute("inactive"));
            continue;
        }
        assert!(bundled || group.is_empty());
        let dtls = if negotiated.dtls_client { "active" } else { "passive" };
        assert_eq!(media.attribute("setup"), Some(Some(dtls)));
        assert_eq!(media.attribute("ice-ufrag"), Some(Some("localufrag")));
        assert!(media.has_attribute("fingerprint") && media.has_attribute("rtcp-mux"));
        if media.has_attribute("inactive") {
            continue;
        }
        served += 1;
        let (ours, needed) = match direction {
            Direction::Ingest => ("recvonly", offered.direction.sends()),
            Direction::Egress => ("sendonly", offered.direction.receives()),
        };
        assert!(media.has_attribute(ours) && needed);
        assert_eq!(media.attributes.iter().filter(|attribute| attribute.key == "ssrc").count() > 0, ours == "sendonly");
    }
    assert_eq!(served, negotiated.media.len());
    let mut ssrcs = HashSet::new();
    for params in &negotiated.media {
        let ids = params.extensions;
        let ids: Vec<u8> = [
            ids.mid,
            ids.transport_cc,
            ids.abs_capture_time,
            ids.audio_level,
            ids.rid,
            ids.repaired_rid,
            ids.dependencies,
        ]
        .into_iter()
        .flatten()
        .collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        assert_ne!(Some(params.payload_type), params.rtx_payload_type);
        assert!(params.track.parameter_sets.len() <= 8);
        assert!(params.rids.is_empty() || (2..=4).contains(&params.rids.len()));
        assert_eq!(params.rids.iter().collect::<HashSet<_>>().len(), params.rids.len());
        assert!(params.layer_ssrcs.is_empty() || params.layer_ssrcs.len() == params.rids.len());
        assert_eq!(params.extensions.rid.is_some(), !params.rids.is_empty() && params.layer_ssrcs.is_empty());
        assert!(direction == Direction::Ingest || params.rids.is_empty() && params.extensions.dependencies.is_none());
        assert!(!params.feedback.transport_cc || direction == Direction::Ingest || params.rtx_payload_type.is_some());
        if direction == Direction::Egress {
            assert!(ssrcs.insert(params.ssrc.unwrap()) && params.ssrc != Some(0));
            assert_eq!(params.rtx_ssrc.is_some(), params.rtx_payload_type.is_some());
            assert!(params.rtx_ssrc.is_none_or(|ssrc| ssrcs.insert(ssrc)));
        }
    }
}
