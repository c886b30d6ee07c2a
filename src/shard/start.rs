//! Starts and stops the shards: sockets on one port number, a thread each.

use super::clock::Clock;
use super::egress::Egress;
use super::inbox::{Command, Inbox};
use super::ports::{self, Ports};
use super::sessions::{Reached, Sessions};
use super::socket::Socket;
use super::tcp::Links;
use super::worker::{Parts, Worker};
use crate::observe::metrics::ShardMetrics;
use crate::protocol::webrtc::dtls::{DtlsError, Identity};
use mio::unix::SourceFd;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const SOCKET: mio::Token = mio::Token(0);
const WAKER: mio::Token = mio::Token(1);

/// What the media plane is started with.
#[derive(Clone, Debug)]
pub struct ShardOptions {
    /// Where media is taken. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// What the answers name instead of the addresses of this machine: where 1:1 NAT maps another address to it. A port
    /// of 0 stands for the one listened at.
    pub public: Vec<SocketAddr>,
    /// Whether connections by TCP are taken on the same port number (ICE-TCP, RFC 6544).
    pub tcp: bool,
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
    #[error(
        "`media.listen`: TCP {0} is in use by another program (`ss -tlpn` shows which); stop it, set another port, or set \
         `media.tcp = false` to do without ICE-TCP"
    )]
    TcpInUse(SocketAddr),
    #[error("`media.listen`: can not listen on {protocol} {address}: {error}")]
    Listen { protocol: &'static str, address: SocketAddr, error: io::Error },
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
        let Ports { address, sockets } = ports::bind(options.listen, options.tcp, options.shards.max(1))?;
        let mut workers = Vec::new();
        let mut inboxes = Vec::new();
        for (index, (socket, listener)) in sockets.into_iter().enumerate() {
            let poll = mio::Poll::new().map_err(StartError::Thread)?;
            let fd = socket.as_raw_fd();
            poll.registry()
                .register(&mut SourceFd(&fd), SOCKET, mio::Interest::READABLE)
                .map_err(StartError::Thread)?;
            let waker = mio::Waker::new(poll.registry(), WAKER).map_err(StartError::Thread)?;
            let inbox = Arc::new(Inbox::new(index, waker));
            inboxes.push(inbox.clone());
            let mut links = Links::new(listener, &poll, metrics(index)).map_err(StartError::Thread)?;
            links.doorman = sessions.doorman();
            let egress = Egress::new(Socket::new(socket, address).map_err(StartError::Thread)?, links);
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
        let candidates = candidates(address, &options.public)?;
        sessions.connect(Reached { candidates, tcp: options.tcp, fingerprint: identity.fingerprint() }, inboxes);
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
