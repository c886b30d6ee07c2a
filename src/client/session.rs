//! A WHIP or WHEP session of a command: signalling, socket and transport together, on tokio.

use super::answer::Answer;
use super::dtls::Identity;
use super::error::ClientError;
use super::offer::{LocalDescription, Section, write_offer};
use super::signal::{Opened, Signalling};
use super::socket::{BATCH, Batch, Carrier, Datagram, MediaSocket};
use super::transport::{Received, Transport};
use super::watched::Watched;
use reqwest::Url;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::Interest;

/// Holds the packets of a keyframe while we are not scheduled.
const RECEIVE_BUFFER: usize = 1 << 20;

/// An open session.
pub struct Session {
    socket: MediaSocket,
    /// The same socket, watched by tokio.
    watched: Watched,
    pub transport: Transport,
    pub answer: Answer,
    pub opened: Opened,
    signalling: Signalling,
    batch: Batch,
}

/// The address that an endpoint's host has, for choosing our own.
pub async fn resolve(endpoint: &Url) -> Result<SocketAddr, ClientError> {
    let host = endpoint.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = endpoint.port_or_known_default().unwrap_or(80);
    let fail = |reason: String| ClientError::Unreachable { url: endpoint.to_string(), reason };
    let mut found = tokio::net::lookup_host((host.as_str(), port)).await.map_err(|error| fail(error.to_string()))?;
    found.next().ok_or_else(|| fail(format!("`{host}` has no address")))
}

/// Writes an offer for a transport on a socket.
pub fn make_offer(transport: &Transport, socket: &MediaSocket, sections: &[Section]) -> String {
    let mut id = [0u8; 8];
    getrandom::fill(&mut id).expect("the system's random source works");
    let credentials = transport.credentials();
    let local = LocalDescription {
        ufrag: &credentials.ufrag,
        pwd: &credentials.pwd,
        fingerprint: transport.fingerprint(),
        candidate: socket.candidate(),
        // Less than 2^62, as RFC 9429, 5.2.1 wants it.
        session_id: u64::from_be_bytes(id) >> 2,
    };
    write_offer(&local, sections)
}

/// The addresses of an answer that a socket can send to. By TCP it is the one that it connects to.
pub fn reachable(answer: &Answer, socket: &mut MediaSocket) -> Result<Vec<SocketAddr>, ClientError> {
    let fail = |what: &str| Err(ClientError::Answer(what.to_owned()));
    let (named, carrier) = match socket {
        MediaSocket::Udp { .. } => (&answer.candidates, "UDP"),
        MediaSocket::Tcp { .. } => (&answer.tcp_candidates, "TCP"),
    };
    if named.is_empty() {
        return fail(&format!("it names no {carrier} address to send to"));
    }
    let mut candidates: Vec<_> = named.iter().copied().filter(|to| socket.reaches(*to)).collect();
    if candidates.is_empty() {
        return fail("its addresses are not of the family by which we reached the server");
    }
    if let MediaSocket::Tcp { stream, signalling } = socket {
        let known = candidates.iter().position(|candidate| candidate.ip() == signalling.ip());
        candidates = vec![candidates[known.unwrap_or(0)]];
        stream.connect(candidates[0]).map_err(ClientError::Socket)?;
    }
    Ok(candidates)
}

impl Session {
    /// Sends the offer and starts to connect.
    pub async fn open(
        signalling: &Signalling,
        endpoint: &Url,
        identity: Arc<Identity>,
        carrier: Carrier,
        sections: &[Section],
    ) -> Result<Self, ClientError> {
        let server = resolve(endpoint).await?;
        let mut socket = MediaSocket::open(server, carrier, RECEIVE_BUFFER).map_err(ClientError::Socket)?;
        let mut transport = Transport::new(identity);
        let offer = make_offer(&transport, &socket, sections);
        let opened = signalling.post(endpoint, offer).await?;
        let answer =
            match Answer::parse(&opened.answer).and_then(|answer| Ok((reachable(&answer, &mut socket)?, answer))) {
                Ok((candidates, answer)) => {
                    transport.start(&answer, &candidates, Instant::now());
                    answer
                }
                Err(error) => {
                    if let Some(session) = &opened.session {
                        drop(signalling.delete(session).await);
                    }
                    return Err(error);
                }
            };
        let watched = Watched::new(&socket).map_err(ClientError::Socket)?;
        let signalling = signalling.clone();
        let mut session = Session { socket, watched, transport, answer, opened, signalling, batch: Batch::default() };
        session.flush();
        Ok(session)
    }

    /// Waits for datagrams or until `until`.
    pub async fn wait(&self, until: Instant) {
        let until = self.transport.poll_timeout().map_or(until, |due| due.min(until));
        let both = Interest::READABLE | Interest::WRITABLE;
        let interest = if self.socket.has_unsent() { both } else { Interest::READABLE };
        // An error here is one of the reactor, which stops with the program.
        drop(tokio::time::timeout_at(until.into(), self.watched.ready(interest)).await);
    }

    /// Takes what has come, hands RTP and RTCP (still protected) to `media`, and does what is due.
    pub fn work(
        &mut self,
        mut media: impl FnMut(&mut Transport, Received, Datagram<'_>),
    ) -> Result<(), super::TransportError> {
        let Session { socket, watched, transport, batch, .. } = self;
        let mut failure = None;
        loop {
            let received = watched.try_io(Interest::READABLE, || match socket.receive(batch, true) {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                count => Ok(count),
            });
            let Ok(count) = received else { break };
            let now = Instant::now();
            for index in 0..count {
                let Some(datagram) = batch.datagram(index) else { continue };
                match transport.receive(now, datagram.from, datagram.data) {
                    Ok(kind @ (Received::Rtp | Received::Rtcp)) => media(transport, kind, datagram),
                    Ok(_) => {}
                    Err(error) => failure = Some(error),
                }
            }
            if count < BATCH {
                break;
            }
        }
        let result = transport.handle_timeout(Instant::now());
        self.flush();
        match failure {
            Some(error) => Err(error),
            None => result,
        }
    }

    /// Sends what the transport has queued.
    pub fn flush(&mut self) {
        let Session { socket, transport, watched, .. } = self;
        transport.transmit(|to, datagram| socket.send(to, datagram));
        if socket.has_unsent() {
            // Tokio is to know when the network takes no more.
            drop(watched.try_io(Interest::WRITABLE, || socket.flush()));
        }
    }

    /// Sends a protected packet to the server.
    pub fn send(&mut self, packet: &[u8]) {
        if let Some(peer) = self.transport.peer() {
            self.socket.send(peer, packet);
        }
    }

    /// Protects and sends a compound RTCP packet.
    pub fn send_rtcp(&mut self, mut packet: Vec<u8>) {
        if self.transport.seal_rtcp(&mut packet) {
            self.send(&packet);
        }
    }

    /// Says farewell by DTLS and HTTP.
    pub async fn close(mut self) {
        self.transport.close(Instant::now());
        self.flush();
        if let Some(session) = &self.opened.session {
            // It may be gone already; the farewell by DTLS was sent anyway.
            drop(self.signalling.delete(session).await);
        }
    }
}
