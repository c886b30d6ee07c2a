//! Starts and stops the shards: sockets on one port number, a thread each.

use super::clock::Clock;
use super::egress::Egress;
use super::inbox::{Command, Inbox};
use super::sessions::Sessions;
use super::socket::Socket;
use super::worker::{Parts, Worker};
use crate::observe::metrics::ShardMetrics;
use crate::protocol::webrtc::dtls::{DtlsError, Identity};
use mio::unix::SourceFd;
use socket2::{Domain, Protocol, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const SOCKET: mio::Token = mio::Token(0);
const WAKER: mio::Token = mio::Token(1);
/// Kernel buffers of each socket: a keyframe to a thousand viewers, and their reports back. The kernel may give less.
const SOCKET_BUFFER: usize = 8 << 20;

/// What the media plane is started with.
#[derive(Clone, Debug)]
pub struct ShardOptions {
    /// Where media is taken. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// What the answers name instead of the addresses of this machine: where 1:1 NAT maps another address to it. A port
    /// of 0 stands for the one listened at.
    pub public: Vec<SocketAddr>,
    /// Threads, at least 1.
    pub shards: usize,
}

/// Why the media plane can not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "`media.listen`: UDP {0} is in use by another program (`ss -ulpn` shows which); stop it or set another port"
    )]
    InUse(SocketAddr),
    #[error("`media.listen`: can not listen on UDP {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
    #[error("the addresses of this machine can not be read ({0}); set `media.public_address`")]
    Interfaces(io::Error),
    #[error("a shard can not start: {0}")]
    Thread(io::Error),
    #[error(transparent)]
    Identity(#[from] DtlsError),
}

/// The running media plane.
#[derive(Debug)]
pub struct Shards {
    address: SocketAddr,
    sessions: Sessions,
    threads: Vec<JoinHandle<()>>,
}

impl Shards {
    /// Binds the sockets and starts the threads. Arrival times count from `epoch`; `metrics` gives each shard its counters.
    ///
    /// # Errors
    /// When the port is in use or not allowed, or the system has no threads left.
    pub fn start(
        options: &ShardOptions,
        epoch: Instant,
        sessions: &Sessions,
        metrics: impl Fn(usize) -> Arc<ShardMetrics>,
    ) -> Result<Shards, StartError> {
        let identity = Arc::new(Identity::generate()?);
        let sockets = bind(options.listen, options.shards.max(1))?;
        let address = sockets[0]
            .local_addr()
            .ok()
            .and_then(|address| address.as_socket())
            .ok_or_else(|| StartError::Thread(io::Error::other("a socket has no address")))?;
        let mut workers = Vec::new();
        let mut inboxes = Vec::new();
        for (index, socket) in sockets.into_iter().enumerate() {
            let poll = mio::Poll::new().map_err(StartError::Thread)?;
            let fd = socket.as_raw_fd();
            poll.registry()
                .register(&mut SourceFd(&fd), SOCKET, mio::Interest::READABLE)
                .map_err(StartError::Thread)?;
            let waker = mio::Waker::new(poll.registry(), WAKER).map_err(StartError::Thread)?;
            let inbox = Arc::new(Inbox::new(index, waker));
            inboxes.push(inbox.clone());
            let egress = Egress::new(Socket::new(socket, address).map_err(StartError::Thread)?);
            workers.push(Worker::new(Parts {
                index,
                inbox,
                sessions: sessions.clone(),
                identity: identity.clone(),
                poll,
                egress,
                clock: Clock::new(epoch),
                metrics: metrics(index),
            }));
        }
        sessions.connect(candidates(address, &options.public)?, identity.fingerprint(), inboxes);
        let threads = workers
            .into_iter()
            .map(|worker| {
                std::thread::Builder::new().name(format!("shard-{}", worker.index)).spawn(move || worker.run())
            })
            .collect::<Result<_, _>>()
            .map_err(StartError::Thread)?;
        Ok(Shards { address, sessions: sessions.clone(), threads })
    }

    /// The address listened at, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all sessions, telling their peers, and waits for the threads.
    pub fn stop(self) {
        self.sessions.stop();
        for inbox in self.sessions.inboxes() {
            inbox.command(Command::Stop);
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a shard panicked");
            }
        }
    }
}

/// Whether every shard's loop turns: each must answer within `patience`.
///
/// # Errors
/// Names the first shard that did not answer.
pub async fn ping(sessions: &Sessions, patience: Duration) -> Result<(), String> {
    for (index, inbox) in sessions.inboxes().iter().enumerate() {
        let (answer, answered) = oneshot::channel();
        inbox.command(Command::Ping(answer));
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(())) => {}
            _ => return Err(format!("shard {index} does not answer within {} ms", patience.as_millis())),
        }
    }
    Ok(())
}

/// One socket a shard, all on one port; the kernel keeps each peer's address on one of them.
fn bind(listen: SocketAddr, shards: usize) -> Result<Vec<socket2::Socket>, StartError> {
    let failed = |address: SocketAddr, error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => StartError::InUse(address),
        _ => StartError::Listen { address, error },
    };
    let open = |address: SocketAddr, share: bool| {
        let socket = socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            // `[::]` means both families; another IPv6 address only itself.
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        socket.set_nonblocking(true)?;
        socket.set_reuse_port(share)?;
        socket.bind(&address.into())?;
        Ok(socket)
    };
    // With SO_REUSEPORT a second server would bind without an error and steal packets: an exclusive bind finds it.
    let probe = open(listen, false).map_err(|error| failed(listen, error))?;
    let taken = probe.local_addr().ok().and_then(|address| address.as_socket()).unwrap_or(listen);
    drop(probe);
    (0..shards)
        .map(|_| {
            let socket = open(taken, true).map_err(|error| failed(taken, error))?;
            // Less than asked for is what the system's limits allow, and works.
            let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
            let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
            Ok(socket)
        })
        .collect()
}

/// The addresses that answers name: the public ones, or else this machine's own.
fn candidates(listen: SocketAddr, public: &[SocketAddr]) -> Result<Vec<SocketAddr>, StartError> {
    if !public.is_empty() {
        let port = |port: u16| if port == 0 { listen.port() } else { port };
        return Ok(public.iter().map(|address| SocketAddr::new(address.ip(), port(address.port()))).collect());
    }
    if !listen.ip().is_unspecified() {
        return Ok(vec![listen]);
    }
    let interfaces = if_addrs::get_if_addrs().map_err(StartError::Interfaces)?;
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(v4) => !v4.is_link_local(),
        // A link-local address needs a scope that SDP can not carry.
        IpAddr::V6(v6) => listen.is_ipv6() && (v6.segments()[0] & 0xffc0) != 0xfe80,
    };
    let mut addresses: Vec<IpAddr> = interfaces.iter().map(if_addrs::Interface::ip).filter(usable).collect();
    // Loopback last: it serves tests and browsers on this machine.
    addresses.sort_by_key(|ip| (ip.is_loopback(), ip.is_ipv6()));
    addresses.dedup();
    Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, listen.port())).collect())
}
