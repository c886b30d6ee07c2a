//! stand-in
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    Unknown,
}
pub fn kind(data: &[u8]) -> Kind {
    match data.first() {
        Some(0..=3) => Kind::Stun,
        Some(20..=63) => Kind::Dtls,
        Some(128..=191) => match data.get(1) {
            Some(192..=223) => Kind::Rtcp,
            _ => Kind::Rtp,
        },
        _ => Kind::Unknown,
    }
}
#[derive(Default)]
pub struct ClientHelloPeek;
impl ClientHelloPeek {
    pub fn push(&mut self, _d: &[u8]) -> Result<Option<Vec<u16>>, ()> {
        Ok(Some(vec![7]))
    }
}
