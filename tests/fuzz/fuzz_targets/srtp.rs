//! SRTP: foreign bytes are refused, and what we protect opens to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmcast::protocol::webrtc::rtp::Header;
use wasmcast::protocol::webrtc::srtp::{Profile, Role, SessionKeys};

fuzz_target!(|data: &[u8]| {
    let Some((first, data)) = data.split_first() else { return };
    let profile = Profile::ALL[usize::from(*first) % Profile::ALL.len()];
    let keys = SessionKeys::from_exporter(profile, &vec![*first; profile.exporter_len()]).expect("the right length");
    let (mut sender, _) = keys.contexts(Role::Client);
    let (_, mut receiver) = keys.contexts(Role::Server);
    assert!(receiver.open_rtp(&mut data.to_vec()).is_err());
    assert!(receiver.open_rtcp(&mut data.to_vec()).is_err());
    if let Ok(header) = Header::parse(data) {
        let mut packet = data.to_vec();
        packet.resize(data.len() + profile.tag_len(), 0);
        let len = sender.seal_rtp(&mut packet, header.header_len, data.len(), header.ssrc, header.sequence.into());
        assert_eq!(receiver.open_rtp(&mut packet[..len]), Ok(data.len()));
        assert_eq!(&packet[..data.len()], data);
    }
    let mut compound = data.to_vec();
    if sender.seal_rtcp(&mut compound).is_ok() {
        assert_eq!(receiver.open_rtcp(&mut compound), Ok(data.len()));
        assert_eq!(&compound[..data.len()], data);
    }
});
