//! Every refusal, with its class and its sentence.

use super::*;

/// An edit of Chrome's offer (all occurrences), and what is said to it. `=` before the sentence: malformed, else
/// unprocessable.
type Row = (&'static str, &'static str, &'static str);

fn said(answered: Result<Negotiated, OfferError>, edit: &str) -> String {
    let error = answered.expect_err(edit);
    match error.class() {
        OfferErrorClass::Malformed => format!("={error}"),
        OfferErrorClass::Unprocessable => error.to_string(),
    }
}

#[test]
fn refused_publishers_are_told_why() {
    let offer = recorded("chrome-whip");
    let rows: &[Row] = &[
        (
            "v=0",
            "{\"sdp\":",
            "=the offer does not start with `v=0`; send the SDP itself as the body, not JSON or a form",
        ),
        ("t=0 0", "nonsense", "=line 4 of the SDP, `nonsense`, is not of the form `x=value`"),
        ("t=0 0", "t=0\r0", "=line 4 of the SDP, `t=0\\r0`, has a control character"),
        (
            "m=audio 9",
            "m=audio nine",
            "=line 8 of the SDP, `m=audio nine UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126`, is not of the form \
          `m=media port protocol formats`",
        ),
        (
            "a=mid:0",
            "a=mid:0 1",
            "=line 16 of the SDP, `a=mid:0 1`, is no identification tag of 1 to 64 token characters",
        ),
        (
            "a=ice-ufrag:sqz4",
            "a=ice-ufrag:sq",
            "=line 11 of the SDP, `a=ice-ufrag:sq`, must have 4 (a=ice-pwd: 22) to 256 characters",
        ),
        (
            "a=ice-ufrag:sqz4",
            "a=ice-ufrag:sq:z4",
            "=line 11 of the SDP, `a=ice-ufrag:sq:z4`, has a character that ICE does not allow",
        ),
        (
            "sha-256 81:80:EE",
            "sha-256 81:80",
            "=line 14 of the SDP, `a=fingerprint:sha-256 81:80:47:00:5C:67:1A:5E:CD:16:85:45:57...`, \
          has no digest of the hash's length in hex pairs joined by `:`",
        ),
        (
            "a=setup:actpass",
            "a=setup:maybe",
            "=line 15 of the SDP, `a=setup:maybe`, is none of actpass, active, passive and holdconn",
        ),
        (
            "a=setup:actpass",
            "a=setup:passive",
            "m-line 0 has a=setup:passive, but this server only takes DTLS connections: \
          offer a=setup:actpass or a=setup:active (FFmpeg: add `-whip_flags dtls_active`)",
        ),
        (
            "a=setup:actpass",
            "a=setup:holdconn",
            "m-line 0 has a=setup:holdconn, but this server only takes DTLS connections: \
          offer a=setup:actpass or a=setup:active (FFmpeg: add `-whip_flags dtls_active`)",
        ),
        ("a=rtcp-mux\r\n", "", "m-line 0 has no a=rtcp-mux; RTP and RTCP must share one port"),
        (
            "a=group:BUNDLE 0 1",
            "a=group:BUNDLE 0",
            "the m= lines are not all in one a=group:BUNDLE; set bundlePolicy to \"max-bundle\"",
        ),
        (
            "a=group:BUNDLE",
            "a=group:LS",
            "the m= lines are not all in one a=group:BUNDLE; set bundlePolicy to \"max-bundle\"",
        ),
        ("a=ice-ufrag", "a=x-ufrag", "m-line 0 has no a=ice-ufrag and a=ice-pwd, and neither has the session"),
        (
            "a=fingerprint:sha-256",
            "a=fingerprint:sha-1",
            "m-line 0 has no a=fingerprint with sha-256, sha-384 or sha-512, and neither has the session",
        ),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "m-line 0 uses RTP/AVP; WebRTC media needs UDP/TLS/RTP/SAVPF"),
        ("a=sendonly", "a=recvonly", "m-line 0 is a=recvonly, but a WHIP client sends: offer a=sendonly or a=sendrecv"),
        (
            "a=sendonly",
            "a=inactive",
            "the offer has no m= line that sends audio or video; a WHIP client offers them with a=sendonly",
        ),
        ("m=audio", "m=text", "m-line 0 is m=text; only audio and video can be published"),
        ("a=mid:1", "a=mid:0", "two m= lines have a=mid:0; each needs its own"),
        (
            "m=video",
            "m=audio",
            "the offer sends more than one audio track; WHIP takes at most one audio and one video m= line",
        ),
        (
            "opus/48000/2",
            "opus/48000/6",
            "m-line 0 (audio) offers opus, red, G722, PCMU, PCMA, CN, telephone-event; this server takes opus",
        ),
    ];
    let policy = IngestPolicy { audio: vec![Codec::Opus], ..IngestPolicy::default() };
    for (from, to, sentence) in rows {
        let edited = offer.replace(from, to);
        assert_ne!(edited, offer, "{from}");
        let answered = Offer::parse(&edited).and_then(|offer| answer_ingest(&offer, &policy, &local()));
        assert_eq!(said(answered, from), *sentence, "{from}");
    }
}

#[test]
fn refused_viewers_are_told_why() {
    let streams = |name: &str| match name {
        "h265" => vec![track(Codec::H265, "profile-id=2;level-id=93"), opus()],
        "pcmu" => vec![TrackInfo::new(Codec::Pcmu)],
        "audio" => vec![opus()],
        _ => vec![h264("42e01f"), opus()],
    };
    let rows: &[(&str, &str, Row)] = &[
        (
            "chrome-whep",
            "",
            (
                "a=recvonly",
                "a=sendonly",
                "the offer has no m= line that receives audio or video; a WHEP player offers them with a=recvonly",
            ),
        ),
        (
            "chrome-whep",
            "",
            (
                "a=recvonly",
                "a=inactive",
                "the offer has no m= line that receives audio or video; a WHEP player offers them with a=recvonly",
            ),
        ),
        (
            "chrome-whep",
            "h265",
            (
                "a=x",
                "a=x",
                "m-line 1 (video) offers VP8, VP9, H264, AV1, red, ulpfec, flexfec-03; the stream has H265 (profile-id=2)",
            ),
        ),
        (
            "firefox-whep",
            "",
            (
                "a=x",
                "a=x",
                "m-line 1 (video) offers VP8, VP9, AV1, ulpfec, red; the stream has H264 (packetization-mode=1;profile-level-id=42e01f)",
            ),
        ),
        (
            "chrome-whep",
            "",
            (
                "packetization-mode=1",
                "packetization-mode=0",
                "m-line 1 (video) offers VP8, VP9, H264, AV1, red, ulpfec, flexfec-03; the stream has H264 (packetization-mode=1;profile-level-id=42e01f)",
            ),
        ),
        ("loadgen-whep", "pcmu", ("a=x", "a=x", "m-line 0 (audio) offers opus; the stream has PCMU")),
        ("chrome-whep", "audio", ("m=audio", "m=text", "the offer asks for video; the stream has only opus")),
        (
            "chrome-whep",
            "",
            (
                "a=setup:actpass",
                "a=setup:passive",
                "m-line 0 has a=setup:passive, but this server only takes DTLS \
            connections: offer a=setup:actpass or a=setup:active (FFmpeg: add `-whip_flags dtls_active`)",
            ),
        ),
        ("chrome-whep", "", ("a=rtcp-mux\r\n", "", "m-line 0 has no a=rtcp-mux; RTP and RTCP must share one port")),
    ];
    for (name, stream, (from, to, sentence)) in rows {
        let answered = egress(&recorded(name).replace(from, to), &streams(stream));
        assert_eq!(said(answered, sentence), *sentence, "{name} {stream} {from}");
    }
    let empty = egress(&recorded("chrome-whep"), &[]);
    assert_eq!(said(empty, "empty"), "the offer asks for audio and video; the stream has no tracks");
}

#[test]
fn bounds_hold() {
    let offer = recorded("chrome-whip");
    let many = |count: usize, line: &str| format!("{offer}{}", line.repeat(count));
    let rows = [
        (many(70_000, "a"), "=the SDP has 75400 bytes; at most 65536 are read"),
        (many(2000, "a=x\r\n"), "=the SDP has more than 2000 lines"),
        (many(15, "m=x 0 y z\r\n"), "the offer has more than 16 m= lines"),
        (String::new(), "=the offer does not start with `v=0`; send the SDP itself as the body, not JSON or a form"),
        (
            "v=0\r\n".to_owned(),
            "the offer has no m= line that sends audio or video; a WHIP client offers them with a=sendonly",
        ),
    ];
    for (text, sentence) in rows {
        assert_eq!(said(ingest(&text), sentence), sentence);
    }
    assert!(ingest(&many(14, "m=x 0 y z\r\n")).is_ok());
    let long = offer.replace("minptime=10", &format!("x={}", "y".repeat(50_000)));
    assert!(ingest(&long).unwrap().media[0].track.parameter("x").is_none());
    let wide = offer.replace("minptime=10", &"p=1;".repeat(2000).replace("p=", "p"));
    assert!(ingest(&wide).unwrap().media[0].track.fmtp.len() <= 36);
}

#[test]
fn packets_that_no_m_line_could_claim_are_refused() {
    let one = |kind: &str, mid: u8, rtpmap: &str| {
        format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF 96\na=mid:{mid}\na=sendonly\na=rtcp-mux\na=rtpmap:96 {rtpmap}\na=ice-ufrag:abcd\n\
             a=ice-pwd:0123456789012345678901\na=fingerprint:sha-256 {}\n",
            ["AB"; 32].join(":")
        )
    };
    let offer = format!("v=0\na=group:BUNDLE 0 1\n{}{}", one("audio", 0, "opus/48000/2"), one("video", 1, "VP8/90000"));
    assert_eq!(
        said(ingest(&offer), "same type"),
        "payload type 96 stands for two m= lines; give them different payload types, or offer a=ssrc or the header extension \
         urn:ietf:params:rtp-hdrext:sdes:mid"
    );
    let told = offer.replace("a=rtcp-mux", "a=rtcp-mux\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid");
    assert_eq!(ingest(&told).unwrap().media.len(), 2);
}

#[test]
fn fragments_are_refused_when_malformed() {
    let rows = [
        ("a=ice-ufrag:abcd\r\n", "=the fragment has a=ice-ufrag but no a=ice-pwd; an ICE restart needs both"),
        (
            "a=ice-pwd:0123456789012345678901\r\n",
            "=the fragment has a=ice-pwd but no a=ice-ufrag; an ICE restart needs both",
        ),
        ("candidate", "=line 1 of the SDP, `candidate`, is not of the form `x=value`"),
        ("a=ice-ufrag:a\r\n", "=line 1 of the SDP, `a=ice-ufrag:a`, must have 4 (a=ice-pwd: 22) to 256 characters"),
    ];
    for (text, sentence) in rows {
        let error = Fragment::parse(text).unwrap_err();
        assert_eq!((format!("={error}").as_str(), error.class()), (sentence, OfferErrorClass::Malformed), "{text}");
    }
}
