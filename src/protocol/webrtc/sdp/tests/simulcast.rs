//! Simulcast as browsers and OBS offer it, in any order, and what is left of it under a policy.

use super::*;

fn layered(offer: &str, codecs: &[Codec], layers: usize) -> Negotiated {
    let policy = IngestPolicy { layers, ..IngestPolicy::from_codecs(codecs) };
    answer_ingest(&Offer::parse(offer).unwrap(), &policy, &local()).unwrap_or_else(|error| panic!("{error}"))
}

/// The answer's lines about layers.
fn lines(negotiated: &Negotiated) -> String {
    let of_layers = |line: &&str| ["a=rid:", "a=simulcast:"].iter().any(|start| line.starts_with(start));
    negotiated.answer.lines().filter(of_layers).map(|line| &line[2..]).collect::<Vec<_>>().join("|")
}

const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

#[test]
fn layers_are_answered_in_the_offers_order() {
    let three = "rid:l recv|rid:m recv|rid:h recv|simulcast:recv l;m;h";
    let rows = [
        ("chrome-whip-simulcast", "", "", three),
        ("chrome-whip-simulcast", "send l;m;h", "send h;l;m", "rid:h recv|rid:l recv|rid:m recv|simulcast:recv h;l;m"),
        // Chromium: an encoding that is not active for now.
        ("chrome-whip-simulcast", "send l;m;h", "send l;m;~h", three),
        ("chrome-whip-simulcast", "send l;m;h", "send l;h", "rid:l recv|rid:h recv|simulcast:recv l;h"),
        (
            "chrome-whip-simulcast",
            "rid:h send",
            "rid:h send pt=108,96;max-width=1280;max-height=720",
            "rid:l recv|rid:m recv|rid:h recv pt=108;max-width=1280;max-height=720|simulcast:recv l;m;h",
        ),
        // Of a layer that can only be sent with another codec nothing is said.
        ("chrome-whip-simulcast", "rid:h send", "rid:h send pt=96", "rid:l recv|rid:m recv|simulcast:recv l;m"),
        ("chrome-whip-simulcast", "simulcast:send l;m;h", "x-unknown", ""),
        ("chrome-whip-simulcast", "send l;m;h", "recv l;m;h", ""),
        // Nothing would tell the layers apart.
        ("chrome-whip-simulcast", RID, "urn:example:other", ""),
        ("firefox-whip-simulcast", "", "", three),
        ("obs-whip-simulcast", "", "", "rid:0 recv|rid:1 recv|rid:2 recv|simulcast:recv 0;1;2"),
        ("obs-whip-simulcast", "send 0;1;2", "send 2;1;0", "rid:2 recv|rid:1 recv|rid:0 recv|simulcast:recv 2;1;0"),
    ];
    for (name, from, to, expected) in rows {
        let offer = recorded(name).replace(from, to);
        assert!(from.is_empty() || offer != recorded(name), "{name} has no {from}");
        let negotiated = layered(&offer, &[], 4);
        check(&offer, &negotiated, Direction::Ingest);
        assert_eq!(lines(&negotiated), expected, "{name}: {to}");
        let video = negotiated.media.last().unwrap();
        let listed = expected.split_once("simulcast:recv ").map_or("", |(_, list)| list);
        assert_eq!(video.rids.join(";"), listed, "{name}: {to}");
        let answered = |uri: &str| negotiated.answer.lines().any(|line| line.ends_with(uri));
        assert_eq!(answered(RID), !listed.is_empty(), "{name}: {to}");
        assert_eq!(answered(REPAIRED), !listed.is_empty() && video.rtx_payload_type.is_some(), "{name}: {to}");
    }
}

#[test]
fn the_policy_bounds_the_layers() {
    let many = "a=rid:x send\r\na=rid:y send\r\na=simulcast:send l;m;h;x;y";
    let offer = recorded("chrome-whip-simulcast").replace("a=simulcast:send l;m;h", many);
    let rows = [(0, ""), (1, ""), (2, "l,m"), (3, "l,m,h"), (4, "l,m,h,x"), (usize::MAX, "l,m,h,x")];
    for (layers, expected) in rows {
        let negotiated = layered(&offer, &[], layers);
        check(&offer, &negotiated, Direction::Ingest);
        assert_eq!(negotiated.media[0].rids.join(","), expected, "{layers}");
        assert_eq!(lines(&negotiated).is_empty(), expected.is_empty());
    }
}

/// Before there were rids, layers were grouped by their SSRCs.
#[test]
fn grouped_sources_are_layers() {
    let sources = "a=ssrc-group:FID 3570684935 2137383626";
    let groups =
        "a=ssrc-group:SIM 3570684935 22 33\r\na=ssrc-group:FID 3570684935 2137383626\r\na=ssrc-group:FID 33 34";
    let offer = recorded("chrome-whip").replace(sources, groups);
    assert!(offer.contains("SIM"));
    let negotiated = layered(&offer, &[], 4);
    check(&offer, &negotiated, Direction::Ingest);
    assert_eq!(lines(&negotiated), "", "there is no line for it in an answer");
    let video = &negotiated.media[1];
    assert_eq!(video.rids, ["0", "1", "2"]);
    assert_eq!(video.layer_ssrcs, [(3_570_684_935, Some(2_137_383_626)), (22, None), (33, Some(34))]);
    assert_eq!((video.ssrc, video.rtx_ssrc), (Some(3_570_684_935), Some(2_137_383_626)));
    let one = layered(&offer, &[], 1);
    assert!(one.media[1].rids.is_empty() && one.media[1].layer_ssrcs.is_empty());
    assert_eq!(one.media[1].ssrc, Some(3_570_684_935));
    assert!(negotiated.media[0].rids.is_empty());
}

/// The dependency descriptor tells the layers of AV1; the other codecs have them in the payload.
#[test]
fn dependencies_are_told_by_publishers_of_av1() {
    let offer = recorded("chrome-whip-simulcast");
    for (codec, id) in [(Codec::Av1, Some(13)), (Codec::Vp9, None), (Codec::Vp8, None), (Codec::H264, None)] {
        let negotiated = layered(&offer, &[codec], 4);
        assert_eq!(negotiated.media[0].extensions.dependencies, id, "{codec}");
        assert_eq!(negotiated.answer.contains("#dependency-descriptor"), id.is_some(), "{codec}");
    }
}

/// Viewers of AV1 need it as well, where a picture has several sizes, and in the two-byte form.
#[test]
fn dependencies_are_told_to_viewers_of_layers() {
    const LINE: &str =
        "a=extmap:12 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r\n";
    let offer = recorded("chrome-whep").replace("a=mid:1\r\n", &format!("a=mid:1\r\n{LINE}"));
    let narrow = offer.replace("a=extmap-allow-mixed\r\n", "");
    let rows = [
        (&offer, true, Codec::Av1, Some(12)),
        (&offer, false, Codec::Av1, None),
        (&offer, true, Codec::Vp9, None),
        (&narrow, true, Codec::Av1, None),
        (&recorded("chrome-whep"), true, Codec::Av1, None),
    ];
    for (row, (offer, dependencies, codec, id)) in rows.into_iter().enumerate() {
        let policy = EgressPolicy { transport_cc: false, dependencies, ssrc_seed: 7 };
        let offer = Offer::parse(offer).unwrap();
        let negotiated = answer_egress(&offer, &[TrackInfo::new(codec)], &local(), &policy).unwrap();
        assert_eq!(negotiated.media[0].extensions.dependencies, id, "row {row}");
        assert_eq!(negotiated.answer.contains(LINE), id.is_some(), "row {row}");
    }
}
