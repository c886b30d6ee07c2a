//! The TCP connections of a shard: accepted, watched, read, written, closed.

use super::doorman::{Badge, Doorman};
use super::link::{Handover, Link, LinkId, Sent};
use super::strangers::Strangers;
use crate::observe::metrics::ShardMetrics;
use crate::protocol::webrtc::framing;
use crate::shard::socket::{MAX_PACKET, Peer};
use mio::unix::SourceFd;
use slab::Slab;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The listener's token; those of the connections follow.
const LISTENER: usize = 2;
const FIRST: usize = 3;
/// What is read of one connection in a turn: 30 ms of 20 Mbit/s.
pub const READ_SIZE: usize = 64 << 10;
/// Packets that are passed to the kernel in one piece.
pub const RUN: usize = 32;
/// Connections taken in one turn.
const ACCEPTS: usize = 64;
/// Where the system has no descriptor left, the next try is so much later.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Room for a run of framed packets.
pub struct Run {
    pub bytes: Box<[u8]>,
    pub used: usize,
    /// Where each packet ends.
    pub ends: Vec<usize>,
}

impl Run {
    fn new() -> Self {
        let bytes = vec![0; RUN * (framing::HEAD + MAX_PACKET)].into_boxed_slice();
        Run { bytes, used: 0, ends: Vec::with_capacity(RUN) }
    }

    pub fn clear(&mut self) {
        self.used = 0;
        self.ends.clear();
    }

    /// Whether it takes no more.
    pub fn is_full(&self) -> bool {
        self.ends.len() == RUN
    }

    /// Lets `write` fill one packet and frames it. Returns its length; 0 leaves it out.
    pub fn packet(&mut self, write: impl FnOnce(&mut [u8]) -> usize) -> usize {
        let start = self.used + framing::HEAD;
        let length = write(&mut self.bytes[start..start + MAX_PACKET]);
        if length > 0 {
            self.bytes[self.used..start].copy_from_slice(&framing::head(length));
            self.used = start + length;
            self.ends.push(self.used);
        }
        length
    }
}

/// All connections of one shard.
pub struct Links {
    /// None: no TCP here.
    listener: Option<TcpListener>,
    registry: mio::Registry,
    links: Slab<Link>,
    serial: u32,
    pub strangers: Strangers,
    /// Asked before a connection is taken.
    pub doorman: Doorman,
    /// There may be more connections to take, from then on.
    accept_at: Option<Instant>,
    /// Those on which something came.
    pub readable: Vec<LinkId>,
    /// Those that can be given more.
    pub writable: Vec<LinkId>,
    /// Those that broke while they were written to.
    pub broken: Vec<LinkId>,
    /// Where what came is put; taken out while it is read.
    pub buffer: Box<[u8]>,
    /// Where what goes out is written; taken out while it is filled.
    pub run: Option<Run>,
    metrics: Arc<ShardMetrics>,
}

impl Links {
    /// Watches a listener that is bound and does not block.
    ///
    /// # Errors
    /// When it can not be watched.
    pub fn new(listener: Option<TcpListener>, poll: &mio::Poll, metrics: Arc<ShardMetrics>) -> io::Result<Links> {
        let registry = poll.registry().try_clone()?;
        if let Some(listener) = &listener {
            registry.register(&mut SourceFd(&listener.as_raw_fd()), mio::Token(LISTENER), mio::Interest::READABLE)?;
        }
        Ok(Links {
            listener,
            registry,
            links: Slab::new(),
            serial: 0,
            strangers: Strangers::default(),
            doorman: Doorman::default(),
            accept_at: None,
            readable: Vec::new(),
            writable: Vec::new(),
            broken: Vec::new(),
            buffer: vec![0; READ_SIZE].into_boxed_slice(),
            run: Some(Run::new()),
            metrics,
        })
    }

    /// Notes what happened.
    pub fn note(&mut self, events: &mio::Events, now: Instant) {
        for event in events {
            match event.token().0.checked_sub(FIRST) {
                None if event.token().0 == LISTENER => {
                    self.accept_at = Some(self.accept_at.map_or(now, |at| at.min(now)));
                }
                None => {}
                Some(index) => {
                    let Some(link) = self.links.get_mut(index) else { continue };
                    let id = LinkId { index: index as u32, serial: link.serial };
                    if event.is_readable() || event.is_read_closed() || event.is_error() {
                        self.readable.push(id);
                    }
                    if event.is_writable() && link.writable() {
                        self.writable.push(id);
                    }
                }
            }
        }
    }

    /// Takes connections that wait. True when there may be more.
    pub fn accept(&mut self, now: Instant) -> bool {
        let Some(listener) = self.listener.as_ref().filter(|_| self.accept_at.is_some_and(|at| at <= now)) else {
            return false;
        };
        let mut taken = Vec::new();
        let mut more = true;
        for _ in 0..ACCEPTS {
            match listener.accept() {
                Ok(accepted) => taken.push(accepted),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.accept_at = None;
                    more = false;
                    break;
                }
                // It was over before it was taken.
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                }
                Err(error) => {
                    tracing::warn!(%error, "TCP connections for media can not be taken; is the limit of open files too low?");
                    self.accept_at = Some(now + ACCEPT_PAUSE);
                    more = false;
                    break;
                }
            }
        }
        for (stream, address) in taken {
            let address = SocketAddr::new(address.ip().to_canonical(), address.port());
            let Some(badge) = self.doorman.admit(address.ip()) else { continue };
            self.metrics.tcp_connections.add(1);
            let peer = Peer { address, local: None, link: None };
            if let Some(id) = self.add(stream, peer, Vec::new(), badge, now)
                && let Some(gone) = self.strangers.add(id, address.ip(), now)
            {
                self.metrics.tcp_crowded_out.add(1);
                self.close(gone);
            }
        }
        more
    }

    /// Takes a connection over from another shard; it counts as having something to read.
    pub fn take_over(&mut self, handover: Handover, now: Instant) {
        if let Some(id) = self.add(handover.stream, handover.peer, handover.came, handover.badge, now) {
            self.readable.push(id);
        }
    }

    fn add(&mut self, stream: TcpStream, peer: Peer, came: Vec<u8>, badge: Badge, now: Instant) -> Option<LinkId> {
        let entry = self.links.vacant_entry();
        self.serial = self.serial.wrapping_add(1);
        let id = LinkId { index: entry.key() as u32, serial: self.serial };
        let token = mio::Token(FIRST + entry.key());
        let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
        let watched = stream
            .set_nonblocking(true)
            .and_then(|()| self.registry.register(&mut SourceFd(&stream.as_raw_fd()), token, interest));
        if let Err(error) = watched {
            tracing::warn!(%error, "a TCP connection can not be watched");
            return None;
        }
        entry.insert(Link::new(id.serial, stream, Peer { link: Some(id), ..peer }, came, badge, now));
        Some(id)
    }

    pub fn get(&self, id: LinkId) -> Option<&Link> {
        self.links.get(id.index as usize).filter(|link| link.serial == id.serial)
    }

    pub fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(id.index as usize).filter(|link| link.serial == id.serial)
    }

    /// Whether packets may be given to a connection now.
    pub fn has_room(&self, id: LinkId) -> bool {
        self.get(id).is_some_and(Link::has_room)
    }

    /// Sends what is in a run. Returns how many packets of it are on their way, from the first on.
    pub fn send(&mut self, id: LinkId, run: &Run) -> usize {
        self.with(id, |link| link.send(&run.bytes[..run.used], &run.ends))
    }

    /// Sends what waits on a connection that has room again.
    pub fn flush(&mut self, id: LinkId) {
        self.with(id, Link::flush);
    }

    fn with(&mut self, id: LinkId, send: impl FnOnce(&mut Link) -> Sent) -> usize {
        match self.get_mut(id).map(send) {
            Some(Sent::Packets(count)) => count,
            Some(Sent::Broken) => {
                self.broken.push(id);
                0
            }
            None => 0,
        }
    }

    /// Sends one packet that `write` makes and that may wait its turn. Returns its length, and whether it is on its way.
    pub fn packet(&mut self, id: LinkId, write: impl FnOnce(&mut [u8]) -> usize) -> (usize, bool) {
        let Some(mut run) = self.run.take() else { return (0, false) };
        run.clear();
        let length = run.packet(write);
        let sent = length > 0 && self.with(id, |link| link.send_soon(&run.bytes[..run.used])) > 0;
        self.run = Some(run);
        (length, sent)
    }

    /// Takes a connection out, to hand it over.
    pub fn release(&mut self, id: LinkId) -> Option<Link> {
        self.get(id)?;
        self.strangers.remove(id);
        let link = self.links.remove(id.index as usize);
        // It fails only where it is not watched, which is what is wanted.
        let _ = self.registry.deregister(&mut SourceFd(&link.stream().as_raw_fd()));
        Some(link)
    }

    /// Ends a connection.
    pub fn close(&mut self, id: LinkId) {
        drop(self.release(id));
    }
}
