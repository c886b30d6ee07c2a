//! A TCP connection that carries the packets of one session, framed (RFC 4571): the client's end of ICE-TCP.

use super::socket::{BATCH, Batch};
use crate::media::wall_clock;
use crate::protocol::webrtc::framing;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::time::SystemTime;

/// What is read at a time.
const READ: usize = 16 << 10;
/// What waits for the network to take it: a second of 2 Mbit/s. What is beyond is lost, as it would be on the way.
const UNSENT: usize = 256 << 10;

/// A non-blocking connection, or one to be.
#[derive(Debug)]
pub struct FramedStream {
    stream: TcpStream,
    server: Option<SocketAddr>,
    incoming: Box<[u8]>,
    /// The part of `incoming` that was not taken yet.
    start: usize,
    end: usize,
    unsent: VecDeque<u8>,
}

impl FramedStream {
    /// A socket that is connected to nothing yet; it can be watched.
    pub fn open(family: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(family), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        let stream = TcpStream::from(socket);
        let incoming = vec![0; READ].into_boxed_slice();
        Ok(FramedStream { stream, server: None, incoming, start: 0, end: 0, unsent: VecDeque::new() })
    }

    /// Starts to connect. Whether it came about shows when somebody answers.
    pub fn connect(&mut self, server: SocketAddr) -> io::Result<()> {
        self.server = Some(server);
        match socket2::SockRef::from(&self.stream).connect(&server.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(()),
        }
    }

    /// A second handle of the socket.
    pub fn duplicate(&self) -> io::Result<TcpStream> {
        self.stream.try_clone()
    }

    /// Sends a packet, now or as soon as the network takes it.
    pub fn send(&mut self, packet: &[u8]) {
        if self.unsent.len() + packet.len() <= UNSENT {
            self.unsent.extend(framing::head(packet.len()));
            self.unsent.extend(packet);
        }
        drop(self.flush());
    }

    /// Whether something waits to be sent.
    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Sends what waits, as far as the network takes it.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            let written = self.stream.write(self.unsent.as_slices().0)?;
            drop(self.unsent.drain(..written));
        }
        Ok(())
    }

    /// Takes packets that have come, up to [`BATCH`], and returns their number; fewer: there are no more.
    pub fn receive(&mut self, batch: &mut Batch, whole: bool) -> usize {
        let Some(server) = self.server else { return 0 };
        let arrival_ns = whole.then(|| wall_clock(SystemTime::now()));
        batch.begin_framed(whole, server, arrival_ns);
        let mut count = 0;
        loop {
            while count < BATCH
                && let Ok(Some(packet)) = framing::next(&self.incoming[self.start..self.end])
            {
                batch.put_framed(count, &self.incoming[self.start + packet.start..self.start + packet.end]);
                self.start += packet.end;
                count += 1;
            }
            if count == BATCH {
                return count;
            }
            self.incoming.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            match self.stream.read(&mut self.incoming[self.end..]) {
                Ok(read) if read > 0 => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return count,
            }
        }
    }
}

impl AsRawFd for FramedStream {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn packets_go_both_ways_however_many_come_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let mut ours = FramedStream::open(server).unwrap();
        let mut batch = Batch::default();
        assert_eq!(ours.receive(&mut batch, true), 0);
        ours.connect(server).unwrap();
        ours.send(&[1, 2, 3]);
        ours.send(&[4; 1_000]);
        let mut theirs = listener.accept().unwrap().0;
        while ours.has_unsent() {
            drop(ours.flush());
        }
        let mut came = [0; 5 + 1_002];
        theirs.read_exact(&mut came).unwrap();
        assert_eq!((&came[..7], came[1_006]), (&[0, 3, 1, 2, 3, 3, 0xe8][..], 4));
        let many: Vec<u8> = (0..100u8).flat_map(|n| [&framing::head(500)[..], &[n; 500]].concat()).collect();
        theirs.write_all(&many).unwrap();
        let mut seen = Vec::new();
        while seen.len() < 100 {
            let count = ours.receive(&mut batch, false);
            for index in 0..count {
                let packet = batch.datagram(index).unwrap();
                assert_eq!((packet.len, packet.from, packet.arrival_ns), (500, server, None));
                seen.push(packet.data[0]);
            }
        }
        assert_eq!(seen, (0..100).collect::<Vec<u8>>());
    }
}
