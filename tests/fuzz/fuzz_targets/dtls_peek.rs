//! DTLS peeking: any sequence of datagrams, each with its length in front of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmcast::protocol::webrtc::dtls_peek::{self, ClientHelloPeek};

fuzz_target!(|data: &[u8]| {
    let mut peek = ClientHelloPeek::default();
    let mut rest = data;
    while let Some((len, behind)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*len)).min(behind.len());
        let (datagram, behind) = behind.split_at(len);
        rest = behind;
        let _ = dtls_peek::kind(datagram);
        if let Ok(Some(profiles)) = peek.push(datagram) {
            assert!(profiles.len() <= 4_096);
        }
    }
});
