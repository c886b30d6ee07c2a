//! RTP payloads of every codec: what they tell, and the frames they are put together to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmcast::media::{Codec, LayerId, TrackInfo};
use wasmcast::protocol::webrtc::payload::{Assembler, Inspector, narrow_av1};

// The first byte chooses the codec. Then packets: length, a byte of flags (marker, new frame, lost packets), payload.
fuzz_target!(|data: &[u8]| {
    let Some((&codec, mut data)) = data.split_first() else { return };
    let codec = Codec::ALL[usize::from(codec) % Codec::ALL.len()];
    let mut inspector = Inspector::new(&TrackInfo::new(codec));
    let mut assembler = Assembler::new(codec);
    let (mut seq, mut timestamp, mut assembled) = (0, 0, 0);
    let mut total = 0;
    while let [length, flags, rest @ ..] = data {
        let (payload, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        let mut narrowed = payload.to_vec();
        narrow_av1(&mut narrowed, LayerId::new(flags >> 4 & 3, flags >> 6));
        assert_eq!(narrowed.len(), payload.len());
        let payload = payload.to_vec().into();
        seq += u64::from(flags >> 2 & 3);
        timestamp += u64::from(flags >> 1 & 1) * 3_000;
        let inspected = inspector.inspect(timestamp, &payload);
        for inserted in &inspected.insert_before {
            assert!(!inserted.is_empty() && inserted.len() <= 1_200);
        }
        total += payload.len();
        assembler.push(seq, timestamp, flags & 1 != 0, &payload);
        while let Some(frame) = assembler.poll() {
            assembled += frame.data.len();
        }
    }
    // Start codes, sizes and delimiters are all that is added.
    assert!(assembled <= total * 8 + 16);
});
