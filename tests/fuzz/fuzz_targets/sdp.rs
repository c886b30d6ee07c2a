//! SDP: an offer that parses is answered or refused, as a publisher's and as a viewer's, and its fragments parse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmcast::media::{Codec, TrackInfo};
use wasmcast::protocol::webrtc::LocalTransport;
use wasmcast::protocol::webrtc::sdp::{EgressPolicy, Fragment, IngestPolicy, Offer, answer_egress, answer_ingest};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let local = LocalTransport {
        ufrag: "abcdefgh".to_owned(),
        pwd: "abcdefghijklmnopqrstuv".to_owned(),
        fingerprint: [7; 32],
        candidates: vec![([192, 0, 2, 1], 8189).into()],
        tcp: true,
        session_id: 1,
    };
    if let Ok(fragment) = Fragment::parse(text) {
        let _ = Fragment::write(text, &local);
        drop(fragment);
    }
    let offer = match Offer::parse(text) {
        Ok(offer) => offer,
        Err(error) => return drop((error.class(), error.to_string())),
    };
    let tracks = [Codec::Opus, Codec::H264].map(TrackInfo::new);
    if let Ok(negotiated) = answer_ingest(&offer, &IngestPolicy::default(), &local) {
        assert!(negotiated.answer.ends_with("\r\n"));
    }
    let policy = EgressPolicy { transport_cc: true, dependencies: true, ssrc_seed: 5 };
    if let Ok(negotiated) = answer_egress(&offer, &tracks, &local, &policy) {
        assert!(negotiated.media.len() <= tracks.len());
    }
});
