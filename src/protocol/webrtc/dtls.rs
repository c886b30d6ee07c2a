//! DTLS, one association per session: as the server, with AEAD ciphers for SRTP wherever the client offers them, and as the
//! client for publishers that insist on being the server (FFmpeg).

use super::dtls_gate::{Gate, Spent};
use super::dtls_peek::ClientHelloPeek;
use super::srtp::{EXPORTER_LABEL, Profile, Role, SessionKeys, SrtpReceiver, SrtpSender};
use bytes::BytesMut;
use ring::digest;
use rtc_crypto::providers::RingProvider;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// First retransmission of a flight; the next ones wait twice as long each. A lost flight on a phone costs a quarter of a
/// second, not a whole one.
const FLIGHT_INTERVAL: Duration = Duration::from_millis(250);
/// Datagrams kept while the ClientHello comes in fragments; with at most 8 KiB in all.
const HELLO_DATAGRAMS: usize = 16;
/// The association's name inside `Endpoint`, which keys by address: ours survives a change of the peer's address.
const PEER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));

/// SRTP profiles, cheapest first: AES-CM with SHA-1 costs three times as much as GCM.
const PREFERENCE: [Profile; 3] = [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1_80];

/// The certificate that this process shows to all peers, and what is negotiated with it.
pub struct Identity {
    fingerprint: [u8; 32],
    /// One configuration for each SRTP profile, best first: `rtc-dtls` would follow the client's order.
    profiles: Vec<(Profile, Arc<HandshakeConfig>)>,
    client: Arc<HandshakeConfig>,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum DtlsError {
    #[error("the DTLS certificate could not be made: {0}")]
    Certificate(String),
    #[error("the ClientHello is larger than 8 KiB or malformed")]
    Hello,
    #[error("the DTLS handshake failed: {0}")]
    Handshake(String),
    #[error(transparent)]
    Flood(#[from] Spent),
    #[error("the peer's certificate does not match the fingerprints of its SDP")]
    Fingerprint,
    #[error("the peer negotiated no SRTP protection profile that is known here")]
    Profile,
}

/// What a datagram brought.
pub enum Progress {
    /// Nothing to act on.
    None,
    /// The handshake is complete: keys for both directions.
    Connected(Box<(SrtpSender, SrtpReceiver)>),
    /// The peer closed the association.
    Closed,
}

impl Identity {
    /// Makes a fresh self-signed P-256 certificate.
    ///
    /// # Errors
    /// When the certificate or the configurations can not be made.
    pub fn generate() -> Result<Identity, DtlsError> {
        let failed = |error: Error| DtlsError::Certificate(error.to_string());
        let provider: Arc<dyn rtc_crypto::RTCCryptoProvider> = Arc::new(RingProvider::new());
        let certificate =
            Certificate::generate_self_signed(vec!["wasmcast".to_owned()], provider.crypto()).map_err(failed)?;
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest::digest(&digest::SHA256, &certificate.certificate[0]).as_ref());
        let config = |profiles: Vec<SrtpProtectionProfile>, client: bool| {
            ConfigBuilder::default()
                .with_crypto_provider(provider.clone())
                .with_certificates(vec![certificate.clone()])
                .with_srtp_protection_profiles(profiles)
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                .with_extended_master_secret(ExtendedMasterSecretType::Request)
                .with_insecure_skip_verify(true)
                .with_flight_interval(FLIGHT_INTERVAL)
                .build(client, None)
                .map(Arc::new)
                .map_err(failed)
        };
        let profiles = PREFERENCE
            .into_iter()
            .map(|profile| Ok((profile, config(vec![protection_profile(profile)], false)?)))
            .collect::<Result<_, DtlsError>>()?;
        let client = config(PREFERENCE.map(protection_profile).to_vec(), true)?;
        Ok(Identity { fingerprint, profiles, client })
    }

    /// The configuration for a client that offers these profiles; that of the last one where none is known, so that the
    /// handshake itself fails with an alert.
    fn config(&self, offered: &[u16]) -> &Arc<HandshakeConfig> {
        let best = self.profiles.iter().find(|(profile, _)| offered.contains(&profile.id()));
        &best.or(self.profiles.last()).expect("there are profiles").1
    }

    /// SHA-256 of the certificate, for the SDP.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// One session's association.
pub struct Dtls {
    hello: Option<Box<(ClientHelloPeek, Vec<BytesMut>)>>,
    endpoint: Endpoint,
    gate: Gate,
    role: Role,
    connected: bool,
}

impl Dtls {
    /// Waits for the peer's ClientHello.
    pub fn server() -> Self {
        Dtls {
            hello: Some(Box::default()),
            endpoint: endpoint(),
            gate: Gate::default(),
            role: Role::Server,
            connected: false,
        }
    }

    /// Begins the handshake: `transmit` has the ClientHello.
    ///
    /// # Errors
    /// When it can not be made.
    pub fn client(now: Instant, identity: &Identity) -> Result<Self, DtlsError> {
        let mut endpoint = endpoint();
        endpoint
            .connect(now, PEER, identity.client.clone(), None)
            .map_err(|error| DtlsError::Handshake(error.to_string()))?;
        Ok(Dtls { hello: None, endpoint, gate: Gate::default(), role: Role::Client, connected: false })
    }

    /// Takes a datagram. Afterwards `transmit` has what to send.
    ///
    /// # Errors
    /// When the handshake can not succeed any more. `fingerprints` are those of the peer's SDP.
    pub fn read(
        &mut self,
        now: Instant,
        datagram: &[u8],
        identity: &Identity,
        fingerprints: &[(String, Vec<u8>)],
    ) -> Result<Progress, DtlsError> {
        let admitted = if self.connected { self.gate.admit_late(datagram) } else { self.gate.admit(datagram)? };
        let Some(records) = admitted else { return Ok(Progress::None) };
        let records = BytesMut::from(&records[..]);
        let Some(hello) = &mut self.hello else { return self.feed(now, records, fingerprints) };
        let (peek, datagrams) = &mut **hello;
        if datagrams.len() >= HELLO_DATAGRAMS {
            return Err(DtlsError::Hello);
        }
        let offered = peek.push(&records).map_err(|_| DtlsError::Hello)?;
        datagrams.push(records);
        let Some(offered) = offered else { return Ok(Progress::None) };
        self.endpoint.set_server_config(Some(identity.config(&offered).clone()));
        let datagrams = std::mem::take(datagrams);
        self.hello = None;
        for datagram in datagrams {
            match self.feed(now, datagram, fingerprints)? {
                Progress::None => {}
                progress => return Ok(progress),
            }
        }
        Ok(Progress::None)
    }

    fn feed(
        &mut self,
        now: Instant,
        records: BytesMut,
        fingerprints: &[(String, Vec<u8>)],
    ) -> Result<Progress, DtlsError> {
        let events = match self.endpoint.read(now, PEER, None, records) {
            Ok(events) => events,
            // Only the peer itself could send an alert that counts now; all else may be anyone's.
            Err(Error::ErrAlertFatalOrClose) if self.connected => return Ok(Progress::Closed),
            Err(_) if self.connected => return Ok(Progress::None),
            Err(error) => return Err(DtlsError::Handshake(error.to_string())),
        };
        let mut progress = Progress::None;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete if !self.connected => {
                    self.connected = true;
                    progress = Progress::Connected(Box::new(self.keys(fingerprints)?));
                }
                EndpointEvent::PeerClosed => return Ok(Progress::Closed),
                // Data channels are refused in the SDP: application data has no meaning here.
                _ => {}
            }
        }
        Ok(progress)
    }

    fn keys(&self, fingerprints: &[(String, Vec<u8>)]) -> Result<(SrtpSender, SrtpReceiver), DtlsError> {
        let state = self.endpoint.get_connection_state(PEER).ok_or(DtlsError::Profile)?;
        let certificate = state.peer_certificates.first().ok_or(DtlsError::Fingerprint)?;
        if !fingerprints.iter().any(|(hash, expected)| matches_fingerprint(hash, expected, certificate)) {
            return Err(DtlsError::Fingerprint);
        }
        let negotiated = state.srtp_protection_profile();
        let profile = PREFERENCE.into_iter().find(|profile| protection_profile(*profile) == negotiated);
        let profile = profile.ok_or(DtlsError::Profile)?;
        let material = state
            .export_keying_material(EXPORTER_LABEL, &[], profile.exporter_len())
            .map_err(|error| DtlsError::Handshake(error.to_string()))?;
        let keys = SessionKeys::from_exporter(profile, material.as_ref())
            .map_err(|error| DtlsError::Handshake(error.to_string()))?;
        Ok(keys.contexts(self.role))
    }

    /// The next datagram to send.
    pub fn transmit(&mut self) -> Option<BytesMut> {
        self.endpoint.poll_transmit().map(|transmit| transmit.message)
    }

    /// Repeats a flight whose answer is overdue.
    ///
    /// # Errors
    /// When it was repeated too often.
    pub fn timeout(&mut self, now: Instant) -> Result<(), DtlsError> {
        if self.gate.due(self.endpoint.poll_timeout(&PEER), FLIGHT_INTERVAL).is_some_and(|due| due <= now) {
            self.gate.repeated();
            return self.endpoint.handle_timeout(PEER, now).map_err(|error| DtlsError::Handshake(error.to_string()));
        }
        Ok(())
    }

    /// Tells the peer that it is over: `transmit` has the alert.
    pub fn close(&mut self, now: Instant) {
        // Only the queueing of an alert can fail, and then there is nobody to tell.
        let _ = self.endpoint.close(now);
    }
}

fn endpoint() -> Endpoint {
    Endpoint::new(PEER, TransportProtocol::UDP, None)
}

fn protection_profile(profile: Profile) -> SrtpProtectionProfile {
    match profile {
        Profile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        Profile::AeadAes256Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
        Profile::Aes128CmSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    }
}

fn matches_fingerprint(hash: &str, expected: &[u8], certificate: &[u8]) -> bool {
    let algorithm = match hash {
        "sha-256" => &digest::SHA256,
        "sha-384" => &digest::SHA384,
        "sha-512" => &digest::SHA512,
        _ => return false,
    };
    digest::digest(algorithm, certificate).as_ref() == expected
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    const STEP: Duration = Duration::from_millis(10);
    /// Of one direction.
    const DELAY: Duration = Duration::from_millis(20);

    /// Both ends of an association and the datagrams on their way, which arrive after `DELAY` or are lost.
    struct Link {
        identities: [Identity; 2],
        ends: [Dtls; 2],
        connected: [bool; 2],
        travelling: VecDeque<(Instant, usize, BytesMut)>,
        now: Instant,
        sent: usize,
    }

    impl Link {
        fn new() -> Self {
            let identities = [Identity::generate().unwrap(), Identity::generate().unwrap()];
            let now = Instant::now();
            let ends = [Dtls::client(now, &identities[0]).unwrap(), Dtls::server()];
            Link { identities, ends, connected: [false; 2], travelling: VecDeque::new(), now, sent: 0 }
        }

        fn take(&mut self, end: usize, datagram: &[u8]) -> Result<Progress, DtlsError> {
            let peer = self.identities[1 - end].fingerprint().to_vec();
            self.ends[end].read(self.now, datagram, &self.identities[end], &[("sha-256".to_owned(), peer)])
        }

        /// One step of time; `lost` is asked with the count of datagrams sent before.
        fn step(&mut self, lost: impl Fn(usize) -> bool) {
            for end in 0..2 {
                self.ends[end].timeout(self.now).unwrap();
                while let Some(datagram) = self.ends[end].transmit() {
                    if !lost(self.sent) {
                        self.travelling.push_back((self.now + DELAY, 1 - end, datagram));
                    }
                    self.sent += 1;
                }
            }
            self.now += STEP;
            while self.travelling.front().is_some_and(|(at, ..)| *at <= self.now) {
                let Some((_, end, datagram)) = self.travelling.pop_front() else { break };
                let progress = self.take(end, &datagram).unwrap();
                self.connected[end] |= matches!(progress, Progress::Connected(_));
            }
        }

        /// How long it takes until both are connected.
        fn connect(&mut self, lost: impl Fn(usize) -> bool) -> Option<Duration> {
            let start = self.now;
            while self.connected != [true; 2] {
                if self.now > start + Duration::from_secs(10) {
                    return None;
                }
                self.step(&lost);
            }
            Some(self.now - start)
        }
    }

    #[test]
    fn a_handshake_survives_the_loss_of_any_of_its_first_datagrams() {
        for lost in (0..1u32 << 8).filter(|lost| lost.count_ones() <= 5) {
            let took = Link::new().connect(|sent| sent < 8 && lost >> sent & 1 == 1);
            let took = took.unwrap_or_else(|| panic!("never connected with these datagrams lost: {lost:08b}"));
            // As if all had been of one flight, and half a second for the rest.
            let most: u64 = [250, 500, 1_000, 2_000, 2_000][..lost.count_ones() as usize].iter().sum::<u64>() + 500;
            assert!(took <= Duration::from_millis(most), "{lost:08b} took {took:?}");
        }
    }

    #[test]
    fn a_peer_that_repeats_its_flight_sooner_does_not_stop_us_from_repeating_ours() {
        let mut link = Link::new();
        let mut hello = BytesMut::new();
        while link.sent < 3 {
            if let Some((.., datagram)) = link.travelling.back() {
                hello = datagram.clone();
            }
            link.step(|_| false);
        }
        // The third datagram, the server's answer to the second hello, is lost; the hello comes again and again.
        link.travelling.clear();
        for _ in 0..4 {
            link.take(1, &hello).unwrap();
        }
        let took = link.connect(|_| false).expect("the server repeats its answer");
        assert!(took < FLIGHT_INTERVAL * 2, "{took:?}");
    }

    #[test]
    fn what_anyone_may_send_does_not_end_an_association() {
        let mut link = Link::new();
        link.connect(|_| false).expect("nothing is lost");
        let forged = [
            &[22, 0][..],
            &[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40],
            &[21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40],
            &[20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 7],
            &[23, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 7],
            &[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 3, 1, 2, 3],
        ];
        for datagram in forged {
            for end in 0..2 {
                assert!(matches!(link.take(end, datagram), Ok(Progress::None)), "{datagram:?}");
            }
        }
        link.ends[0].close(link.now);
        let farewell = link.ends[0].transmit().expect("an alert");
        assert!(matches!(link.take(1, &farewell), Ok(Progress::Closed)));
    }
}
