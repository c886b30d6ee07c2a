//! A session's socket as tokio watches it.

use super::socket::MediaSocket;
use std::io;
use tokio::io::Interest;
use tokio::net::{TcpStream, UdpSocket};

/// A second handle of a socket.
pub enum Watched {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Watched {
    pub fn new(socket: &MediaSocket) -> io::Result<Self> {
        match socket {
            MediaSocket::Udp { socket, .. } => socket.try_clone().and_then(UdpSocket::from_std).map(Watched::Udp),
            MediaSocket::Tcp { stream, .. } => stream.duplicate().and_then(TcpStream::from_std).map(Watched::Tcp),
        }
    }

    /// Waits until it can be read from or written to, as `interest` says.
    pub async fn ready(&self, interest: Interest) -> io::Result<()> {
        match self {
            Watched::Udp(socket) => socket.ready(interest).await.map(drop),
            Watched::Tcp(stream) => stream.ready(interest).await.map(drop),
        }
    }

    /// Reads or writes by `work`, if that is possible now. Where `work` says that it would block, it is waited for again.
    pub fn try_io<R>(&self, interest: Interest, work: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        match self {
            Watched::Udp(socket) => socket.try_io(interest, work),
            Watched::Tcp(stream) => stream.try_io(interest, work),
        }
    }
}
