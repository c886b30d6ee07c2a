//! Media files: refused in words, or read as frames in the order of time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmcast::protocol::container::MediaFile;
use wasmcast::protocol::webrtc::payload::Packetizer;

fuzz_target!(|data: &[u8]| {
    let Ok(file) = MediaFile::open(&data.to_vec().into(), 30.0) else { return };
    let mut packetizers: Vec<_> = file.tracks().iter().map(|track| Packetizer::new(track.codec, 300)).collect();
    let mut last = 0;
    for frame in file.frames().flatten() {
        assert!(frame.pts_ns() >= last);
        last = frame.pts_ns();
        for payload in packetizers[usize::from(frame.track)].packetize(&frame) {
            assert!(!payload.is_empty());
            assert!(payload.len() <= 300 || frame.codec.kind() == wasmcast::media::MediaKind::Audio);
        }
    }
});
