//! One WebRTC transport of a client: ICE, DTLS and SRTP, fed with datagrams and time, drained of datagrams.

use super::answer::Answer;
use super::dtls::{Dtls, DtlsEvent, Identity};
use super::error::TransportError;
use super::ice::{Credentials, Ice};
use crate::protocol::webrtc::srtp::{Role, SrtpReceiver, SrtpSender};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For the DTLS handshake, once the server answered ICE.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a datagram was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Handled, or nothing for us.
    Nothing,
    /// It completed the handshake: media may flow.
    Connected,
    /// A protected RTP packet, untouched; see [`Transport::open_rtp`].
    Rtp,
    /// A protected RTCP packet, untouched; see [`Transport::open_rtcp`].
    Rtcp,
}

/// ICE, DTLS and SRTP of one session.
pub struct Transport {
    identity: Arc<Identity>,
    ice: Ice,
    dtls: Option<Dtls>,
    handshake_ends: Option<Instant>,
    srtp: Option<(SrtpSender, SrtpReceiver)>,
    expected: (String, Vec<u8>),
    role: Role,
}

impl Transport {
    /// A transport with fresh credentials.
    pub fn new(identity: Arc<Identity>) -> Self {
        Transport {
            identity,
            ice: Ice::new(Credentials::random()),
            dtls: None,
            handshake_ends: None,
            srtp: None,
            expected: Default::default(),
            role: Role::Client,
        }
    }

    /// Our ICE credentials, for the offer.
    pub fn credentials(&self) -> &Credentials {
        self.ice.local()
    }

    /// SHA-256 of our certificate, for the offer.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.identity.fingerprint
    }

    /// Starts to connect to one of `candidates`, which are those of the answer that the socket can reach.
    pub fn start(&mut self, answer: &Answer, candidates: &[SocketAddr], now: Instant) {
        self.expected = answer.fingerprint.clone();
        self.role = if answer.server_is_active { Role::Server } else { Role::Client };
        let remote = Credentials { ufrag: answer.ufrag.clone(), pwd: answer.pwd.clone() };
        self.ice.start(remote, candidates, now);
    }

    /// Whether media may flow.
    pub fn is_connected(&self) -> bool {
        self.srtp.is_some()
    }

    /// Round trip time of ICE.
    pub fn rtt(&self) -> Option<Duration> {
        self.ice.rtt()
    }

    /// The name of the SRTP profile in use.
    pub fn profile(&self) -> Option<&'static str> {
        use crate::protocol::webrtc::srtp::Profile;
        self.srtp.as_ref().map(|(sender, _)| match sender.profile() {
            Profile::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Profile::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Profile::Aes128CmSha1_80 => "AES128_CM_SHA1_80",
        })
    }

    /// Feeds a datagram; RTP and RTCP are only told apart (RFC 7983, RFC 5761).
    pub fn receive(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Result<Received, TransportError> {
        match datagram {
            [0..=3, ..] => {
                if self.ice.receive(now, from, datagram)
                    && let Some(peer) = self.ice.selected()
                {
                    self.dtls = Some(Dtls::start(&self.identity, peer, self.role, self.expected.clone(), now)?);
                    self.handshake_ends = Some(now + HANDSHAKE_TIMEOUT);
                }
            }
            [20..=63, ..] => return self.receive_dtls(now, datagram),
            [128..=191, kind, ..] if self.srtp.is_some() && datagram.len() >= 12 => {
                self.ice.heard(now);
                return Ok(if (192..=223).contains(kind) { Received::Rtcp } else { Received::Rtp });
            }
            _ => {}
        }
        Ok(Received::Nothing)
    }

    fn receive_dtls(&mut self, now: Instant, datagram: &[u8]) -> Result<Received, TransportError> {
        let Some(dtls) = &mut self.dtls else { return Ok(Received::Nothing) };
        match dtls.receive(now, datagram)? {
            Some(DtlsEvent::Established(keys, role)) => {
                self.srtp = Some(keys.contexts(role));
                self.handshake_ends = None;
                Ok(Received::Connected)
            }
            Some(DtlsEvent::Closed) => Err(TransportError::ClosedByPeer),
            None => Ok(Received::Nothing),
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), TransportError> {
        self.ice.handle_timeout(now)?;
        if self.handshake_ends.is_some_and(|end| now >= end) {
            return Err(TransportError::DtlsTimeout(HANDSHAKE_TIMEOUT.as_secs()));
        }
        match &mut self.dtls {
            Some(dtls) => dtls.handle_timeout(now),
            None => Ok(()),
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let dtls = self.dtls.as_ref().and_then(Dtls::poll_timeout);
        [self.ice.poll_timeout(), dtls, self.handshake_ends].into_iter().flatten().min()
    }

    /// Hands every datagram that is ready to `send`.
    pub fn transmit(&mut self, mut send: impl FnMut(SocketAddr, &[u8])) {
        while let Some((to, datagram)) = self.ice.poll_transmit() {
            send(to, &datagram);
        }
        if let (Some(dtls), Some(peer)) = (&mut self.dtls, self.ice.selected()) {
            while let Some(datagram) = dtls.poll_transmit() {
                send(peer, &datagram);
            }
        }
    }

    /// The address that media goes to, once connected.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.srtp.as_ref().and(self.ice.selected())
    }

    /// Opens an RTP packet in place and returns the plain packet; `None`: not authentic, or seen before.
    pub fn open_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let (_, receiver) = self.srtp.as_mut()?;
        let len = receiver.open_rtp(packet).ok()?;
        packet.get(..len)
    }

    /// Opens an RTCP packet in place, likewise.
    pub fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let (_, receiver) = self.srtp.as_mut()?;
        let len = receiver.open_rtcp(packet).ok()?;
        packet.get(..len)
    }

    /// Protects an RTP packet of which `header_len` bytes are header; `index` is rollover counter and sequence number. False
    /// before the handshake is over.
    pub fn seal_rtp(&self, packet: &mut Vec<u8>, header_len: usize, ssrc: u32, index: u64) -> bool {
        let Some((sender, _)) = &self.srtp else { return false };
        let len = packet.len();
        packet.resize(len + sender.profile().tag_len(), 0);
        let sealed = sender.seal_rtp(packet, header_len, len, ssrc, index);
        packet.truncate(sealed);
        true
    }

    /// Protects a compound RTCP packet; false before the handshake is over.
    pub fn seal_rtcp(&mut self, packet: &mut Vec<u8>) -> bool {
        self.srtp.as_mut().is_some_and(|(sender, _)| sender.seal_rtcp(packet).is_ok())
    }

    /// Queues the farewell.
    pub fn close(&mut self, now: Instant) {
        if let Some(dtls) = &mut self.dtls {
            dtls.close(now);
        }
    }
}

/// Two transports that have shaken hands, the second in the server's role.
#[cfg(test)]
pub fn connected_pair(identity: &Arc<Identity>) -> (Transport, Transport) {
    let now = Instant::now();
    let (client_at, server_at): (SocketAddr, SocketAddr) =
        ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
    let (mut client, mut server) = (Transport::new(identity.clone()), Transport::new(identity.clone()));
    let answer = |of: &Transport, server_is_active| Answer {
        ufrag: of.credentials().ufrag.clone(),
        pwd: of.credentials().pwd.clone(),
        fingerprint: ("sha-256".to_owned(), identity.fingerprint.to_vec()),
        server_is_active,
        ..Answer::default()
    };
    let (of_client, of_server) = (answer(&client, true), answer(&server, false));
    client.start(&of_server, &[server_at], now);
    server.start(&of_client, &[client_at], now);
    for _ in 0..16 {
        let mut datagrams = Vec::new();
        client.transmit(|_, datagram| datagrams.push(datagram.to_vec()));
        for datagram in datagrams.drain(..) {
            server.receive(now, client_at, &datagram).unwrap();
        }
        server.transmit(|_, datagram| datagrams.push(datagram.to_vec()));
        for datagram in datagrams.drain(..) {
            client.receive(now, server_at, &datagram).unwrap();
        }
    }
    assert!(client.is_connected() && server.is_connected());
    (client, server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_flows_both_ways_and_a_farewell_ends_it() {
        let (mut client, mut server) = connected_pair(&Identity::generate().unwrap());
        let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
        let mut packet = report.to_vec();
        assert!(client.seal_rtcp(&mut packet));
        let from = "127.0.0.1:1".parse().unwrap();
        assert_eq!(server.receive(Instant::now(), from, &packet), Ok(Received::Rtcp));
        assert_eq!(server.open_rtcp(&mut packet), Some(&report[..]));
        let mut rtp = vec![0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3];
        let plain = rtp.clone();
        assert!(server.seal_rtp(&mut rtp, 12, 9, 1));
        assert_eq!(client.receive(Instant::now(), from, &rtp), Ok(Received::Rtp));
        assert_eq!(client.open_rtp(&mut rtp.clone()), Some(&plain[..]));
        rtp[13] ^= 1;
        assert_eq!(client.open_rtp(&mut rtp), None);
        client.close(Instant::now());
        let mut farewell = Vec::new();
        client.transmit(|_, datagram| farewell.push(datagram.to_vec()));
        assert_eq!(server.receive(Instant::now(), from, &farewell[0]), Err(TransportError::ClosedByPeer));
    }

    #[test]
    fn garbage_changes_nothing() {
        let (mut client, _) = connected_pair(&Identity::generate().unwrap());
        let from = "127.0.0.1:2".parse().unwrap();
        let mut state = 9u32;
        for length in 0..600usize {
            let datagram: Vec<u8> = (0..length % 90)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            assert!(client.receive(Instant::now(), from, &datagram).is_ok());
            let mut copy = datagram.clone();
            assert!(client.open_rtp(&mut copy).is_none() && client.open_rtcp(&mut copy).is_none());
        }
        assert!(client.is_connected());
    }
}
