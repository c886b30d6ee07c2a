//! What is answered to offers of real programs: one row each.

use super::*;

/// Every recorded publisher, with the default order of codecs.
#[test]
fn publishers_are_answered() {
    let rows: &[(&str, &str)] = &[
        (
            "aiortc-whip",
            "0 1\n\
             audio 9 96 recvonly mid=0 opus {stereo=1;useinbandfec=1} ssrc=877845317 mid:1 level:2 []\n\
             video 9 101,102 recvonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} rtx=102 ssrc=509310101/1611958406 mid:1 [nack pli remb]",
        ),
        (
            "chrome-whip",
            "0 1\n\
             audio 9 111 recvonly mid=0 opus {minptime=10;stereo=1;useinbandfec=1} ssrc=3387713261 mid:4 twcc:3 level:1 [tcc]\n\
             video 9 108,109 recvonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} rtx=109 ssrc=3570684935/2137383626 mid:4 twcc:3 [nack pli fir tcc remb]",
        ),
        (
            "chrome-whip-data",
            "0\n\
             video 9 108,109 recvonly mid=0 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} rtx=109 ssrc=3413792693/4216720789 mid:9 twcc:4 [nack pli fir tcc remb]\n\
             application 0 webrtc-datachannel inactive mid=1",
        ),
        (
            "chrome-whip-sendrecv",
            "0 1\n\
             audio 9 111 recvonly mid=0 opus {minptime=10;stereo=1;useinbandfec=1} ssrc=4190261068 mid:4 twcc:3 level:1 [tcc]\n\
             video 9 108,109 recvonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} rtx=109 ssrc=2019821528/922486175 mid:4 twcc:3 [nack pli fir tcc remb]",
        ),
        (
            "chrome-whip-simulcast",
            "0\n\
             video 9 108,109 recvonly mid=0 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} rtx=109 ssrc= mid:9 twcc:4 rid:10 repaired:11 [nack pli fir tcc remb] layers=l,m,h",
        ),
        (
            "ffmpeg-whip",
            "0 1\n\
             audio 9 111 recvonly mid=0 opus {stereo=1;useinbandfec=1} ssrc=4264977934 []\n\
             video 9 106,105 recvonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42000d} rtx=105 ssrc=4264977935/4264977936 [nack]",
        ),
        (
            "ffmpeg-whip-active",
            "0 1\n\
             audio 9 111 recvonly mid=0 opus {stereo=1;useinbandfec=1} ssrc=3540275252 []\n\
             video 9 106,105 recvonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64000d} rtx=105 ssrc=3540275253/3540275254 [nack]",
        ),
        (
            "firefox-whip",
            "0 1\n\
             audio 9 109 recvonly mid=0 opus {stereo=1;useinbandfec=1} ssrc=2485747141 mid:3 twcc:7 level:1 [tcc]\n\
             video 9 99,100 recvonly mid=1 av1 {} rtx=100 ssrc=2679481593/1202254242 mid:3 twcc:7 [nack pli fir tcc remb]",
        ),
        (
            "firefox-whip-simulcast",
            "0\n\
             video 9 99,100 recvonly mid=0 av1 {} rtx=100 ssrc= mid:3 twcc:7 rid:9 repaired:10 dependencies:8 [nack pli fir tcc remb] layers=l,m,h",
        ),
        (
            "gstreamer-whip",
            "audio0 video1\n\
             audio 9 97 recvonly mid=audio0 opus {useinbandfec=1} ssrc=1045515551 []\n\
             video 9 96 recvonly mid=video1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42c00d} ssrc=3552381463 [pli fir]",
        ),
        (
            "gstreamer-whip-vp8",
            "video0\n\
             video 9 96 recvonly mid=video0 vp8 {} ssrc=960483174 [pli fir]",
        ),
        (
            "live777-whip",
            "0 1\n\
             video 9 96 recvonly mid=0 vp8 {} ssrc=4177141165 twcc:1 [nack pli fir tcc remb]\n\
             audio 9 111 recvonly mid=1 opus {minptime=10;stereo=1;useinbandfec=1} ssrc=92381123 twcc:1 [tcc]",
        ),
        (
            "loadgen-whip",
            "0 1\n\
             audio 9 111 recvonly mid=0 opus {minptime=10;stereo=1;useinbandfec=1} ssrc=1000 []\n\
             video 9 102 recvonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} ssrc=1001 [nack pli fir]",
        ),
        (
            "obs-whip",
            "0 1\n\
             audio 9 111 recvonly mid=0 opus {minptime=10;stereo=1;useinbandfec=1} ssrc=3087212001 []\n\
             video 9 96 recvonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} ssrc=3087212002 [nack pli remb]",
        ),
        (
            "obs-whip-av1",
            "0 1\n\
             audio 9 111 recvonly mid=0 opus {minptime=10;stereo=1;useinbandfec=1} ssrc=3087212001 []\n\
             video 9 96 recvonly mid=1 av1 {} ssrc=3087212002 [nack pli remb]",
        ),
        (
            "obs-whip-hevc",
            "0 1\n\
             audio 9 111 recvonly mid=0 opus {minptime=10;stereo=1;useinbandfec=1} ssrc=3087212001 []\n\
             video 9 96 recvonly mid=1 h265 {} ssrc=3087212002 [nack pli remb]",
        ),
        (
            "obs-whip-simulcast",
            "0 1\n\
             audio 9 111 recvonly mid=0 opus {minptime=10;stereo=1;useinbandfec=1} ssrc=3087212001 []\n\
             video 9 96 recvonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} ssrc= mid:1 rid:2 [nack pli remb] layers=0,1,2",
        ),
        (
            "safari-whip",
            "0 1\n\
             audio 9 111 recvonly mid=0 opus {minptime=10;stereo=1;useinbandfec=1} ssrc=1846110921 mid:4 twcc:3 level:1 [tcc]\n\
             video 9 98,99 recvonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} rtx=99 ssrc=2207115633/3318220744 mid:4 twcc:3 [nack pli fir tcc remb]",
        ),
    ];
    for (name, expected) in rows {
        let offer = recorded(name);
        let policy = IngestPolicy { dtls_client: *name == "ffmpeg-whip", ..IngestPolicy::default() };
        let negotiated = answer_ingest(&Offer::parse(&offer).unwrap(), &policy, &local())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        check(&offer, &negotiated, Direction::Ingest);
        assert_eq!(facts(&negotiated), *expected, "{name}");
        assert_eq!(negotiated.dtls_client, policy.dtls_client, "{name}");
    }
    let recorded = all_recorded().into_iter().filter(|(name, _)| name.contains("whip")).count();
    assert_eq!(rows.len(), recorded, "each recorded publisher has a row");
}

/// Every recorded viewer, with streams of which it takes all or a part.
#[test]
fn viewers_are_answered() {
    let streams = |name: &str| match name {
        "h264+opus" => vec![h264("42e01f"), opus()],
        "high" => vec![opus(), h264("640028")],
        "vp8" => vec![TrackInfo::new(Codec::Vp8)],
        _ => vec![opus()],
    };
    let rows: &[(&str, &str, &str)] = &[
        (
            "aiortc-whep",
            "h264+opus",
            "0 1\n\
             audio 9 96 sendonly mid=0 opus {stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1000 mid:1 level:2 []\n\
             video 9 101,102 sendonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} rtx=102 ssrc=1002/1003 mid:1 [nack pli remb]",
        ),
        (
            "aiortc-whep",
            "vp8",
            "0 1\n\
             audio 9 96 inactive mid=0\n\
             video 9 97,98 sendonly mid=1 vp8 {} rtx=98 ssrc=1000/1001 mid:1 [nack pli remb]",
        ),
        (
            "aiortc-whep",
            "high",
            "0 1\n\
             audio 9 96 sendonly mid=0 opus {stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1000 mid:1 level:2 []\n\
             video 9 99,100 sendonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f} rtx=100 ssrc=1002/1003 mid:1 [nack pli remb]",
        ),
        (
            "aiortc-whep",
            "audio",
            "0 1\n\
             audio 9 96 sendonly mid=0 opus {stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1000 mid:1 level:2 []\n\
             video 9 97 inactive mid=1",
        ),
        (
            "chrome-whep",
            "h264+opus",
            "0 1\n\
             audio 9 111 sendonly mid=0 opus {minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1000 mid:4 level:1 []\n\
             video 9 108,109 sendonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} rtx=109 ssrc=1002/1003 mid:4 [nack pli fir remb]",
        ),
        (
            "chrome-whep",
            "vp8",
            "0 1\n\
             audio 9 111 inactive mid=0\n\
             video 9 96,97 sendonly mid=1 vp8 {} rtx=97 ssrc=1000/1001 mid:4 [nack pli fir remb]",
        ),
        (
            "chrome-whep",
            "high",
            "0 1\n\
             audio 9 111 sendonly mid=0 opus {minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1000 mid:4 level:1 []\n\
             video 9 116,117 sendonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f} rtx=117 ssrc=1002/1003 mid:4 [nack pli fir remb]",
        ),
        (
            "chrome-whep",
            "audio",
            "0 1\n\
             audio 9 111 sendonly mid=0 opus {minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1000 mid:4 level:1 []\n\
             video 9 96 inactive mid=1",
        ),
        (
            "chrome-whep-data",
            "h264+opus",
            "0 1\n\
             video 9 108,109 sendonly mid=0 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} rtx=109 ssrc=1000/1001 mid:9 [nack pli fir remb]\n\
             audio 9 111 sendonly mid=1 opus {minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1002 mid:9 level:14 []\n\
             application 0 webrtc-datachannel inactive mid=2",
        ),
        (
            "firefox-whep",
            "vp8",
            "0 1\n\
             audio 9 109 inactive mid=0\n\
             video 9 120,124 sendonly mid=1 vp8 {} rtx=124 ssrc=1000/1001 mid:3 [nack pli fir remb]",
        ),
        (
            "firefox-whep",
            "audio",
            "0 1\n\
             audio 9 109 sendonly mid=0 opus {stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1000 mid:3 level:1 []\n\
             video 9 120 inactive mid=1",
        ),
        (
            "firefox-whep-data",
            "vp8",
            "0 1\n\
             video 9 120,124 sendonly mid=0 vp8 {} rtx=124 ssrc=1000/1001 mid:3 [nack pli fir remb]\n\
             audio 9 109 inactive mid=1\n\
             application 0 webrtc-datachannel inactive mid=2",
        ),
        (
            "gstreamer-whep",
            "h264+opus",
            "audio0 video1\n\
             audio 9 97 sendonly mid=audio0 opus {stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1000 []\n\
             video 9 96 sendonly mid=video1 h264 {} ssrc=1002 [pli fir]",
        ),
        (
            "live777-whep",
            "h264+opus",
            "0 1\n\
             video 9 102 sendonly mid=0 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f} ssrc=1000 [nack pli fir remb]\n\
             audio 9 111 sendonly mid=1 opus {minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1002 []",
        ),
        (
            "loadgen-whep",
            "h264+opus",
            "0 1\n\
             audio 9 111 sendonly mid=0 opus {minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1000 []\n\
             video 9 102 sendonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} ssrc=1002 [nack pli fir]",
        ),
        (
            "safari-whep",
            "h264+opus",
            "0 1\n\
             audio 9 111 sendonly mid=0 opus {minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1000 mid:4 level:1 []\n\
             video 9 98,99 sendonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f} rtx=99 ssrc=1002/1003 mid:4 [nack pli fir remb]",
        ),
        (
            "safari-whep",
            "vp8",
            "0 1\n\
             audio 9 111 inactive mid=0\n\
             video 9 106,107 sendonly mid=1 vp8 {} rtx=107 ssrc=1000/1001 mid:4 [nack pli fir remb]",
        ),
        (
            "safari-whep",
            "high",
            "0 1\n\
             audio 9 111 sendonly mid=0 opus {minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1} ssrc=1000 mid:4 level:1 []\n\
             video 9 96,97 sendonly mid=1 h264 {level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f} rtx=97 ssrc=1002/1003 mid:4 [nack pli fir remb]",
        ),
    ];
    for (name, stream, expected) in rows {
        let offer = recorded(name);
        let negotiated = egress(&offer, &streams(stream)).unwrap_or_else(|error| panic!("{name} {stream}: {error}"));
        check(&offer, &negotiated, Direction::Egress);
        assert_eq!(facts(&negotiated), *expected, "{name} {stream}");
        for params in &negotiated.media {
            assert_eq!(params.track, streams(stream)[usize::from(params.track_index)], "{name} {stream}");
        }
    }
    let tried: HashSet<&str> = rows.iter().map(|(name, ..)| *name).collect();
    let recorded = all_recorded().into_iter().filter(|(name, _)| name.contains("whep")).count();
    assert_eq!(tried.len(), recorded, "each recorded viewer has a row");
}

/// The offer's transport, wherever it stands.
#[test]
fn the_peers_transport_is_read() {
    let rows = [
        ("chrome-whip", "sqz4", "TlehrP7u/EnyFti5g7CRHtAM", "sha-256:8180"),
        ("firefox-whip", "b15342c7", "c1daefbaa37ac9bc66b369947fef4f84", "sha-256:8ef9"),
        ("obs-whip", "VbH3", "q1W2e3R4t5Y6u7I8o9P0a1S2", "sha-256:7b8b"),
        ("safari-whep", "//pY", "xK2mQv8rTz5nWb1cYj7dLp4s", "sha-256:7b8b"),
        ("aiortc-whip", "hKcx", "ZMXmJS1LilNyllzHrhppam", "sha-256:7ad4 sha-384:7471 sha-512:6005"),
    ];
    for (name, ufrag, pwd, fingerprints) in rows {
        let offer = recorded(name);
        let answered = if name.contains("whip") { ingest(&offer) } else { egress(&offer, &[opus()]) };
        let remote = answered.unwrap().remote;
        assert_eq!((remote.ufrag.as_str(), remote.pwd.as_str()), (ufrag, pwd), "{name}");
        let list =
            remote.fingerprints.iter().map(|(hash, digest)| format!("{hash}:{:02x}{:02x}", digest[0], digest[1]));
        assert_eq!(list.collect::<Vec<_>>().join(" "), fingerprints, "{name}");
    }
    let session_setup =
        recorded("firefox-whip").replace("a=setup:actpass\r\n", "").replacen("t=0 0", "t=0 0\r\na=setup:active", 1);
    assert!(!ingest(&session_setup).unwrap().dtls_client);
}

/// Small changes to a browser's offer, and what they change in the answer.
#[test]
fn variants_are_tolerated() {
    let chrome = recorded("chrome-whip");
    let same = facts(&ingest(&chrome).unwrap());
    let act = "a=extmap:12 http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time\r\na=sendonly";
    let one_way = "a=extmap:3/recvonly http://www.ietf.org/id/draft-holmer";
    let rows = [
        ("LF line ends", chrome.replace("\r\n", "\n"), same.clone()),
        (
            "byte order mark and blank lines",
            format!("\u{feff}{}", chrome.replace("m=video", "\r\nm=video")),
            same.clone(),
        ),
        ("no msid", without(&chrome, "a=msid"), same.clone()),
        ("no BUNDLE-only line", without(&chrome, "a=bundle-only"), same.clone()),
        (
            "bundle-only with port 0",
            chrome.replace("m=video 9", "m=video 0").replace("a=mid:1", "a=bundle-only\r\na=mid:1"),
            same.clone(),
        ),
        (
            "wildcard feedback",
            without(&chrome, "a=rtcp-fb:108").replace("a=rtpmap:108", "a=rtcp-fb:* nack\r\na=rtpmap:108"),
            same.replace(" twcc:3 [nack pli fir tcc remb]", " [nack]"),
        ),
        ("audio without SSRC", without(&chrome, "a=ssrc:3387713261"), same.replace("ssrc=3387713261", "ssrc=")),
        ("abs-capture-time", chrome.replace("a=sendonly", act), same.replace("twcc:3", "twcc:3 act:12")),
        (
            "an extension for the other direction",
            chrome.replace("a=extmap:3 http://www.ietf.org/id/draft-holmer", one_way),
            same.replace(" twcc:3", "").replace("[tcc]", "[]").replace("fir tcc remb", "fir remb"),
        ),
        (
            "no constrained baseline",
            without(&chrome, "a=fmtp:108"),
            same.replace("108,109", "102,103").replace("42e01f", "42001f").replace("rtx=109", "rtx=103"),
        ),
        (
            "only packetization-mode 0",
            chrome.replace("packetization-mode=1", "packetization-mode=0"),
            same.replace("108,109", "102,103")
                .replace("mode=1;profile-level-id=42e01f", "mode=0;profile-level-id=42001f")
                .replace("rtx=109", "rtx=103"),
        ),
        ("another BUNDLE order", chrome.replace("BUNDLE 0 1", "BUNDLE 1 0"), same.replacen("0 1", "1 0", 1)),
        (
            "a rejected m-line first",
            chrome.replacen("m=audio", "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\nm=audio", 1),
            same.replacen("\n", "\naudio 0 0 inactive mid=-\n", 1),
        ),
        (
            "an inactive m-line",
            chrome.replacen("a=sendonly", "a=inactive", 1),
            format!("0 1\naudio 9 111 inactive mid=0{}", &same[same.find("\nvideo").unwrap()..]),
        ),
    ];
    for (what, offer, expected) in rows {
        let negotiated = ingest(&offer).unwrap_or_else(|error| panic!("{what}: {error}"));
        check(&offer, &negotiated, Direction::Ingest);
        assert_eq!(facts(&negotiated), expected, "{what}");
    }
}

/// The answer's candidates stand on the m-line that carries the bundle's transport.
#[test]
fn candidates_stand_on_the_first_m_line_of_the_bundle_even_if_it_is_idle() {
    for (tracks, what) in
        [(vec![h264("42e01f")], "no sound"), (vec![opus()], "no picture"), (vec![h264("42e01f"), opus()], "both")]
    {
        for offer in ["chrome-whep", "gstreamer-whep", "aiortc-whep"] {
            let answer = egress(&recorded(offer), &tracks).unwrap().answer;
            let group = answer.lines().find_map(|line| line.strip_prefix("a=group:BUNDLE ")).unwrap();
            let first = format!("a=mid:{}\r\n", group.split(' ').next().unwrap());
            let carriers: Vec<_> = answer.split("\r\nm=").filter(|part| part.contains("a=candidate:")).collect();
            assert!(carriers.len() == 1 && carriers[0].contains(&first), "{offer}, {what}:\n{answer}");
        }
    }
}

#[test]
fn candidates_have_the_priorities_of_rfc_8445_and_rfc_6544() {
    let answer = ingest(&recorded("chrome-whip").replace("BUNDLE 0 1", "BUNDLE 1 0")).unwrap().answer;
    let (first, second) = answer.split_once("m=video").unwrap();
    assert!(!first.contains("a=candidate"));
    assert!(second.contains(
        "a=candidate:1 1 udp 2130706431 192.0.2.1 8189 typ host\r\n\
         a=candidate:2 1 udp 2130706175 2001:db8::1 8189 typ host\r\n\
         a=candidate:3 1 tcp 1520435199 192.0.2.1 8189 typ host tcptype passive\r\n\
         a=candidate:4 1 tcp 1520434943 2001:db8::1 8189 typ host tcptype passive\r\na=end-of-candidates\r\n"
    ));
    assert!(answer.starts_with("v=0\r\no=- 9223372036854775807 1 IN IP4 0.0.0.0\r\n"));
}

/// The order of codecs is the policy's, not the offer's.
#[test]
fn the_policy_orders_codecs() {
    let rows: &[(&[Codec], Codec, Codec)] = &[
        (&[], Codec::H264, Codec::Opus),
        (&[Codec::Vp8, Codec::H264], Codec::Vp8, Codec::Opus),
        (&[Codec::H265, Codec::Vp9], Codec::Vp9, Codec::Opus),
        (&[Codec::Av1, Codec::Pcma, Codec::Opus], Codec::Av1, Codec::Pcma),
    ];
    let offer = Offer::parse(&recorded("chrome-whip")).unwrap();
    for (codecs, video, audio) in rows {
        let negotiated = answer_ingest(&offer, &IngestPolicy::from_codecs(codecs), &local()).unwrap();
        let got: Vec<Codec> = negotiated.media.iter().map(|params| params.track.codec).collect();
        assert_eq!(got, [*audio, *video], "{codecs:?}");
    }
    let vp9 = answer_ingest(&offer, &IngestPolicy::from_codecs(&[Codec::Vp9]), &local()).unwrap();
    assert_eq!(vp9.media[1].track.parameter("profile-id"), Some("0"));
}

/// What a publisher's track says of itself.
#[test]
fn tracks_keep_what_the_publisher_says() {
    let gstreamer = ingest(&recorded("gstreamer-whip")).unwrap();
    let [audio, video] = &gstreamer.media[..] else { panic!("two m-lines") };
    assert_eq!(audio.track.channels, 1, "sprop-stereo=0");
    let sets = [&b"\x67\x42\xc0\x0d"[..], &b"\x68\xce\x3c\x80"[..]];
    for (set, start) in video.track.parameter_sets.iter().zip(sets) {
        assert!(set.starts_with(start));
    }
    assert_eq!(video.track.parameter_sets.len(), 2);
    assert_eq!(video.track.parameter("sprop-parameter-sets"), None);
    assert_eq!(video.track.parameter("profile-level-id"), Some("42c00d"));

    let dtx = recorded("chrome-whip").replace("minptime=10;useinbandfec=1", "minptime=10;useinbandfec=1;usedtx=1");
    let track = ingest(&dtx).unwrap().media[0].track.clone();
    assert_eq!((track.parameter("stereo"), track.parameter("usedtx"), track.channels), (Some("1"), Some("1"), 2));
    let answer = egress(&recorded("chrome-whep"), &[track]).unwrap().answer;
    assert!(answer.contains("a=fmtp:111 minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1;usedtx=1\r\n"), "{answer}");
}

/// A viewer's payload type is the one that takes the stream best.
#[test]
fn viewers_get_the_nearest_profile() {
    let chrome = "chrome-whep";
    let safari = "safari-whep";
    let rows = [
        (chrome, h264("42c028"), 108),
        (chrome, h264("42001f"), 102),
        (chrome, h264("4d0028"), 116),
        (chrome, h264("640028"), 116),
        (chrome, h264("f4001f"), 41),
        (chrome, track(Codec::H264, "packetization-mode=0;profile-level-id=42e01f"), 114),
        (chrome, TrackInfo::new(Codec::H264), 102),
        (chrome, track(Codec::Vp9, "profile-id=2"), 100),
        (chrome, TrackInfo::new(Codec::Vp9), 98),
        (chrome, track(Codec::Av1, "profile=1"), 47),
        (chrome, TrackInfo::new(Codec::Av1), 45),
        (safari, h264("640c1f"), 96),
        (safari, h264("640028"), 96),
        (safari, h264("42e01f"), 98),
        (safari, TrackInfo::new(Codec::H265), 104),
        (safari, track(Codec::H265, "profile-id=1;level-id=120"), 104),
        ("firefox-whep", TrackInfo::new(Codec::Vp9), 121),
    ];
    for (name, stream, payload_type) in rows {
        let negotiated = egress(&recorded(name), std::slice::from_ref(&stream)).unwrap();
        assert_eq!(negotiated.media[0].payload_type, payload_type, "{name} {stream:?}");
    }
}

#[test]
fn congestion_control_towards_viewers_is_a_choice() {
    let offer = Offer::parse(&recorded("chrome-whep")).unwrap();
    let policy = EgressPolicy { transport_cc: true, dependencies: true, ssrc_seed: u32::MAX };
    let negotiated = answer_egress(&offer, &[h264("42e01f"), opus()], &local(), &policy).unwrap();
    let used = |params: &MediaParams| (params.extensions.transport_cc, params.feedback.transport_cc);
    assert_eq!(negotiated.media.iter().map(used).collect::<Vec<_>>(), [(None, false), (Some(3), true)]);
    assert!(!negotiated.answer.contains("a=rtcp-fb:111 transport-cc"), "never without RTX");
    assert_eq!(negotiated.answer.matches("a=extmap:3 http://www.ietf.org/id/draft-holmer").count(), 1);
    let plain = Offer::parse(&without(&recorded("chrome-whep"), "a=fmtp:109")).unwrap();
    let negotiated_plain = answer_egress(&plain, &[h264("42e01f")], &local(), &policy).unwrap();
    assert_eq!(used(&negotiated_plain.media[0]), (None, false), "never without RTX");
    assert!(negotiated.answer.contains("a=rtcp-fb:108 transport-cc\r\n"));
    assert!(!negotiated.answer.contains("goog-remb"));
    let ssrcs: Vec<_> = negotiated.media.iter().map(|params| params.ssrc.unwrap()).collect();
    assert!(ssrcs[0] != 0 && ssrcs[1] == ssrcs[0] + 2);
}

/// A viewer's second video m-line stays idle; with two video tracks both are served.
#[test]
fn tracks_are_dealt_to_m_lines_in_order() {
    let text = recorded("chrome-whep");
    let (head, video) = text.split_once("m=video").unwrap();
    let offer = format!(
        "{}m=video{video}m=video{}",
        head.replace("BUNDLE 0 1", "BUNDLE 0 1 2"),
        video.replace("a=mid:1", "a=mid:2")
    );
    let one = egress(&offer, &[h264("42e01f"), opus()]).unwrap();
    assert_eq!(facts(&one).lines().last().unwrap(), "video 9 96 inactive mid=2");
    let two = egress(&offer, &[TrackInfo::new(Codec::Vp8), opus(), h264("42e01f")]).unwrap();
    let indexes: Vec<u8> = two.media.iter().map(|params| params.track_index).collect();
    assert_eq!(indexes, [1, 0, 2]);
}

#[test]
fn sdpfrag_is_read_and_written() {
    let trickle = "a=ice-ufrag:sqz4\r\na=ice-pwd:TlehrP7u/EnyFti5g7CRHtAM\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
        a=candidate:1 1 udp 2122260223 b1946ac9.local 61764 typ host\r\n\
        a=candidate:2 1 quux 1 203.0.113.7 9 typ alien ext 1\r\na=end-of-candidates\r\n";
    let negotiated = ingest(&recorded("chrome-whip")).unwrap();
    let fragment = Fragment::parse(trickle).unwrap();
    assert_eq!((fragment.candidates, fragment.end_of_candidates), (2, true));
    assert!(!fragment.restarts(&negotiated.remote));

    let restart = Fragment::parse(&trickle.replace("sqz4", "newU").replace("TlehrP7u", "newPassw")).unwrap();
    assert_eq!(restart.ice, Some(("newU".to_owned(), "newPassw/EnyFti5g7CRHtAM".to_owned())));
    assert!(restart.restarts(&negotiated.remote));
    let media_level = Fragment::parse(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0\na=ice-ufrag:newU\na=ice-pwd:0123456789012345678901\n",
    );
    assert!(media_level.unwrap().restarts(&negotiated.remote));
    assert!(!Fragment::parse("a=end-of-candidates\r\n").unwrap().restarts(&negotiated.remote));
    assert_eq!(Fragment::parse("").unwrap().ice, None);

    let mut fresh = local();
    fresh.ufrag = "restarted".to_owned();
    fresh.tcp = false;
    assert_eq!(
        Fragment::write(&negotiated.answer, &fresh),
        "a=ice-lite\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:restarted\r\n\
         a=ice-pwd:localpasswordlocalpassword\r\na=candidate:1 1 udp 2130706431 192.0.2.1 8189 typ host\r\n\
         a=candidate:2 1 udp 2130706175 2001:db8::1 8189 typ host\r\na=end-of-candidates\r\n"
    );
    assert_eq!(Fragment::parse(&Fragment::write(&negotiated.answer, &fresh)).unwrap().candidates, 2);
}

fn without(text: &str, start: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with(start)).collect()
}
