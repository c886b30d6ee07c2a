//! RTP: a header that parses can be written again, and reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmcast::media::LayerId;
use wasmcast::protocol::webrtc::payload::Dependencies;
use wasmcast::protocol::webrtc::rtp::{self, ExtensionValue, Header, HeaderFields};

fuzz_target!(|data: &[u8]| {
    let Ok(header) = Header::parse(data) else { return };
    if let Ok(payload) = header.payload(data) {
        let _ = rtp::rtx_original(payload);
    }
    let extensions: Vec<(u8, ExtensionValue<'_>)> =
        header.extensions(data).map(|(id, value)| (id, ExtensionValue::Raw(value))).collect();
    // Each may be a dependency descriptor; the later ones refer to the structure of an earlier one.
    let mut dependencies = Dependencies::default();
    for (_, value) in header.extensions(data) {
        if let Some(described) = dependencies.read(value) {
            assert!(LayerId::ALL.includes(described.layer));
        }
    }
    let fields = HeaderFields {
        marker: header.marker,
        payload_type: header.payload_type,
        sequence: header.sequence,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
        padding: header.padding,
    };
    let mut written = vec![0; rtp::header_len(&extensions)];
    let len = rtp::write_header(&mut written, &fields, &extensions).expect("there is room");
    assert_eq!(len, written.len());
    let again = Header::parse(&written).expect("what we write, we read");
    assert_eq!(again.header_len, len);
    assert!(again.extensions(&written).eq(header.extensions(data)));
    assert_eq!((again.marker, again.payload_type, again.padding), (header.marker, header.payload_type, header.padding));
    assert_eq!((again.sequence, again.timestamp, again.ssrc), (header.sequence, header.timestamp, header.ssrc));
});
