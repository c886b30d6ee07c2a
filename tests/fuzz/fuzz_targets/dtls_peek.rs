//! DTLS peeking, and the gate in front of the handshake: any sequence of datagrams, each with its length in front of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmcast::protocol::webrtc::dtls_gate::Gate;
use wasmcast::protocol::webrtc::dtls_peek::{self, ClientHelloPeek};

fuzz_target!(|data: &[u8]| {
    let mut peek = ClientHelloPeek::default();
    let mut gate = Gate::default();
    let mut admitted = 0;
    let mut rest = data;
    while let Some((len, behind)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*len)).min(behind.len());
        let (datagram, behind) = behind.split_at(len);
        rest = behind;
        let _ = dtls_peek::kind(datagram);
        if let Ok(Some(records)) = gate.admit(datagram) {
            assert!(!records.is_empty() && records.len() <= datagram.len());
            admitted += records.len();
        }
        assert!(gate.admit_late(&datagram[..datagram.len() / 2]).is_none_or(|records| !records.is_empty()));
        if let Ok(Some(profiles)) = peek.push(datagram) {
            assert!(profiles.len() <= 4_096);
        }
    }
    assert!(admitted <= 64 << 10);
});
