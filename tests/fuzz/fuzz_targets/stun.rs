//! STUN: whatever parses can be asked and answered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::net::SocketAddr;
use wasmcast::protocol::webrtc::stun::{self, Rejection};

fuzz_target!(|data: &[u8]| {
    let _ = stun::parse_response(data).map(|response| response.verify(b"password"));
    let Ok(request) = stun::parse(data) else { return };
    assert!(stun::is_message(data));
    let _ = (request.local_ufrag(), request.remote_ufrag(), request.verify(b"password"));
    let mapped = SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 8189));
    let mut answer = Vec::new();
    stun::write_success(&mut answer, &request, mapped, b"password");
    let response = stun::parse_response(&answer).expect("what we write, we read");
    assert_eq!(response.mapped, Some(mapped));
    assert_eq!(response.transaction_id(), request.transaction_id());
    assert!(response.verify(b"password"));
    stun::write_error(&mut answer, &request, Rejection::RoleConflict, b"password");
    assert_eq!(stun::parse_response(&answer).expect("what we write, we read").error, Some(487));
});
