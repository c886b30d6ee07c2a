//! The DTLS handshake of a client and the SRTP keys that it yields (RFC 5764).

use super::error::TransportError;
use crate::protocol::webrtc::dtls_gate::Gate;
use crate::protocol::webrtc::srtp::{EXPORTER_LABEL, Profile, Role, SessionKeys};
use bytes::BytesMut;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, HandshakeConfig, VerifyPeerCertificateFn};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::crypto_provider::{RTCCryptoProvider, default_provider};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A flight is sent again after this, and then after twice the time each; `rtc-dtls` gives up after 7 times.
const FLIGHT_INTERVAL: Duration = Duration::from_millis(250);
/// As Chrome offers them, so that servers choose for us as they would for browsers.
const PROFILES: [SrtpProtectionProfile; 3] = [
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
];

/// A certificate, made once and shared by all sessions of a process.
pub struct Identity {
    certificate: Certificate,
    provider: Arc<dyn RTCCryptoProvider>,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
}

/// What a datagram led to.
pub enum DtlsEvent {
    /// The handshake is complete, with these keys and our role in it.
    Established(SessionKeys, Role),
    /// The peer sent close_notify.
    Closed,
}

/// One association with one peer. No sockets, no clock.
pub struct Dtls {
    endpoint: Endpoint,
    gate: Gate,
    peer: SocketAddr,
    role: Role,
    established: bool,
}

impl Identity {
    /// Makes a new certificate.
    pub fn generate() -> Result<Arc<Self>, TransportError> {
        let provider = default_provider().map_err(|error| TransportError::Dtls(error.to_string()))?;
        let certificate = Certificate::generate_self_signed(vec!["wasmcast".to_owned()], provider.crypto())
            .map_err(|error| TransportError::Dtls(error.to_string()))?;
        let fingerprint = Sha256::digest(&certificate.certificate[0]).into();
        Ok(Arc::new(Identity { certificate, provider, fingerprint }))
    }

    fn config(&self, is_client: bool, expected: (String, Vec<u8>)) -> Result<Arc<HandshakeConfig>, Error> {
        let verify: VerifyPeerCertificateFn = Arc::new(move |certificates, _| {
            let matches = certificates.first().is_some_and(|certificate| fits(certificate, &expected));
            if matches { Ok(()) } else { Err(Error::Other(MISMATCH.to_owned())) }
        });
        ConfigBuilder::default()
            .with_crypto_provider(self.provider.clone())
            .with_certificates(vec![self.certificate.clone()])
            .with_srtp_protection_profiles(PROFILES.to_vec())
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_verify_peer_certificate(Some(verify))
            .with_flight_interval(FLIGHT_INTERVAL)
            .build(is_client, Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9))))
            .map(Arc::new)
    }
}

/// Passed through the DTLS crate, which knows only texts.
const MISMATCH: &str = "certificate fingerprint mismatch";

/// Whether a certificate is the one that the SDP named.
fn fits(certificate: &[u8], (hash, digest): &(String, Vec<u8>)) -> bool {
    match hash.as_str() {
        "sha-256" => Sha256::digest(certificate).as_slice() == digest,
        "sha-384" => Sha384::digest(certificate).as_slice() == digest,
        "sha-512" => Sha512::digest(certificate).as_slice() == digest,
        _ => false,
    }
}

impl Dtls {
    /// Prepares an association with `peer`, whose certificate has the fingerprint `expected`. As a client it sends its first
    /// flight at once.
    pub fn start(
        identity: &Identity,
        peer: SocketAddr,
        role: Role,
        expected: (String, Vec<u8>),
        now: Instant,
    ) -> Result<Self, TransportError> {
        let local = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let we_are_client = role == Role::Client;
        let config = identity.config(we_are_client, expected).map_err(|error| failure(&error))?;
        let server_config = (!we_are_client).then(|| config.clone());
        let mut endpoint = Endpoint::new(local, TransportProtocol::UDP, server_config);
        if we_are_client {
            endpoint.connect(now, peer, config, None).map_err(|error| failure(&error))?;
        }
        Ok(Dtls { endpoint, gate: Gate::default(), peer, role, established: false })
    }

    /// Feeds a datagram.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) -> Result<Option<DtlsEvent>, TransportError> {
        let admitted = if self.established {
            self.gate.admit_late(datagram)
        } else {
            self.gate.admit(datagram).map_err(|spent| TransportError::Dtls(spent.to_string()))?
        };
        let Some(records) = admitted else { return Ok(None) };
        let events = match self.endpoint.read(now, self.peer, None, BytesMut::from(&records[..])) {
            Ok(events) => events,
            // Garbage behind a finished handshake changes nothing.
            Err(_) if self.established => return Ok(None),
            Err(error) => return Err(failure(&error)),
        };
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.established = true;
                    return self.export().map(|keys| Some(DtlsEvent::Established(keys, self.role)));
                }
                EndpointEvent::PeerClosed => return Ok(Some(DtlsEvent::Closed)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Retransmits where it is time to.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), TransportError> {
        // As the server it has nothing to repeat before the client's first flight.
        if self.poll_timeout().is_none_or(|due| now < due) {
            return Ok(());
        }
        self.gate.repeated();
        self.endpoint.handle_timeout(self.peer, now).map_err(|error| failure(&error))
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.established { None } else { self.gate.due(self.endpoint.poll_timeout(&self.peer), FLIGHT_INTERVAL) }
    }

    /// The next datagram to send to the peer.
    pub fn poll_transmit(&mut self) -> Option<BytesMut> {
        self.endpoint.poll_transmit().map(|transmit| transmit.message)
    }

    /// Queues close_notify.
    pub fn close(&mut self, now: Instant) {
        drop(self.endpoint.stop(now, self.peer));
    }

    fn export(&self) -> Result<SessionKeys, TransportError> {
        let fail = |what: &str| TransportError::Dtls(what.to_owned());
        let state = self.endpoint.get_connection_state(self.peer).ok_or_else(|| fail("the association is gone"))?;
        let profile = Profile::from_id(state.srtp_protection_profile() as u16);
        let profile = profile.ok_or_else(|| fail("no SRTP profile in common"))?;
        let material = state.export_keying_material(EXPORTER_LABEL, &[], profile.exporter_len());
        let material = material.map_err(|error| failure(&error))?.into_bytes();
        SessionKeys::from_exporter(profile, &material).map_err(|error| fail(&error.to_string()))
    }
}

fn failure(error: &Error) -> TransportError {
    let text = error.to_string();
    if text.contains(MISMATCH) { TransportError::Fingerprint } else { TransportError::Dtls(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    type BothKeys = Option<(SessionKeys, SessionKeys)>;

    fn exchange(client: &mut Dtls, server: &mut Dtls, now: Instant) -> Result<BothKeys, TransportError> {
        let (mut client_keys, mut server_keys) = (None, None);
        for _ in 0..32 {
            while let Some(datagram) = client.poll_transmit() {
                if let Some(DtlsEvent::Established(keys, Role::Server)) = server.receive(now, &datagram)? {
                    server_keys = Some(keys);
                }
            }
            while let Some(datagram) = server.poll_transmit() {
                if let Some(DtlsEvent::Established(keys, Role::Client)) = client.receive(now, &datagram)? {
                    client_keys = Some(keys);
                }
            }
        }
        Ok(client_keys.zip(server_keys))
    }

    fn pair(expected_of_server: Option<[u8; 32]>) -> (Dtls, Dtls, Instant) {
        let (one, two) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let now = Instant::now();
        let sha = |digest: [u8; 32]| ("sha-256".to_owned(), digest.to_vec());
        let (client_at, server_at) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        let expected = sha(expected_of_server.unwrap_or(two.fingerprint));
        let client = Dtls::start(&one, server_at, Role::Client, expected, now).unwrap();
        let server = Dtls::start(&two, client_at, Role::Server, sha(one.fingerprint), now).unwrap();
        (client, server, now)
    }

    #[test]
    fn both_roles_get_the_same_keys() {
        let (mut client, mut server, now) = pair(None);
        let (ours, theirs) = exchange(&mut client, &mut server, now).unwrap().unwrap();
        let (mut sender, _) = ours.contexts(Role::Client);
        let (_, mut receiver) = theirs.contexts(Role::Server);
        assert_eq!(sender.profile(), Profile::Aes128CmSha1_80);
        let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
        let mut packet = report.to_vec();
        sender.seal_rtcp(&mut packet).unwrap();
        let len = receiver.open_rtcp(&mut packet).unwrap();
        assert_eq!(packet[..len], report);
        assert!(client.poll_timeout().is_none());
        client.close(now);
        let farewell = client.poll_transmit().unwrap();
        assert!(matches!(server.receive(now, &farewell), Ok(Some(DtlsEvent::Closed))));
    }

    #[test]
    fn another_certificate_is_refused() {
        let (mut client, mut server, now) = pair(Some([7; 32]));
        assert_eq!(exchange(&mut client, &mut server, now).err(), Some(TransportError::Fingerprint));
    }

    #[test]
    fn a_lost_flight_is_sent_again() {
        let (mut client, _, now) = pair(None);
        let first = client.poll_transmit().unwrap();
        let due = client.poll_timeout().unwrap();
        assert_eq!(due - now, FLIGHT_INTERVAL);
        client.handle_timeout(due).unwrap();
        assert_eq!(client.poll_transmit().unwrap().len(), first.len());
    }
}
