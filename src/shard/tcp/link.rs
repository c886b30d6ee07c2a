//! One TCP connection: the beginning of a frame that came in, and the end of a packet that has not gone out.

use super::doorman::Badge;
use crate::protocol::webrtc::framing;
use crate::shard::socket::Peer;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// What may wait on a full connection besides the rest of one packet: answers to checks and reports, without which the peer would
/// take a slow connection for a dead one.
const RESERVED: usize = 4 << 10;

/// Names a connection of a shard. The serial number tells it from those that had its place before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkId {
    pub index: u32,
    pub serial: u32,
}

/// A connection that belongs to a session of another shard.
#[derive(Debug)]
pub struct Handover {
    pub stream: TcpStream,
    pub peer: Peer,
    /// What came on it so far: a STUN request of the session, and what was behind it.
    pub came: Vec<u8>,
    pub badge: Badge,
}

/// What became of the packets that were given to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// So many are on their way, from the first on.
    Packets(usize),
    /// The connection is broken.
    Broken,
}

/// A connection of a shard.
#[derive(Debug)]
pub struct Link {
    pub serial: u32,
    pub peer: Peer,
    /// The session that it belongs to, once its peer has shown that.
    pub slot: Option<usize>,
    /// When anything came last.
    pub heard: Instant,
    stream: TcpStream,
    /// What came and is no whole frame yet. Of a connection that was handed over also what came with its first frame.
    rest: Vec<u8>,
    /// What is left of the one packet that the kernel took only a part of, and packets that may wait.
    unsent: Vec<u8>,
    /// The kernel takes no more until it says so.
    full: bool,
    badge: Badge,
}

impl Link {
    pub fn new(serial: u32, stream: TcpStream, peer: Peer, rest: Vec<u8>, badge: Badge, now: Instant) -> Self {
        Link { serial, peer, slot: None, heard: now, stream, rest, unsent: Vec::new(), full: false, badge }
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub fn into_parts(self) -> (TcpStream, Badge) {
        (self.stream, self.badge)
    }

    /// Fills `buffer` with what is left of before and what has come. Returns how much, and whether there may be more.
    ///
    /// # Errors
    /// When the connection is broken, or over and nothing is left.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
        let before = self.rest.len();
        buffer[..before].copy_from_slice(&self.rest);
        self.rest.clear();
        // No frame is longer; what was handed over may have been.
        self.rest.shrink_to(framing::HEAD + framing::MAX_PACKET);
        if before == buffer.len() {
            return Ok((before, true));
        }
        loop {
            match self.stream.read(&mut buffer[before..]) {
                Ok(0) if matches!(framing::next(&buffer[..before]), Ok(None)) => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                // With less than there was room for, all is taken that was there.
                Ok(read) => return Ok((before + read, read == 0 || before + read == buffer.len())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok((before, false)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Keeps the beginning of a frame until the rest of it comes.
    pub fn keep(&mut self, rest: &[u8]) {
        self.rest.extend_from_slice(rest);
    }

    /// Whether packets may be given to it now.
    pub fn has_room(&self) -> bool {
        !self.full
    }

    /// The kernel takes something again. True: it is the first to say so since it took no more.
    pub fn writable(&mut self) -> bool {
        std::mem::take(&mut self.full)
    }

    /// Sends framed packets that end at `ends`. Those that the kernel has no room for are not sent, but for the rest of one
    /// that it took in part, which goes before anything else.
    pub fn send(&mut self, bytes: &[u8], ends: &[usize]) -> Sent {
        while !self.full && !self.unsent.is_empty() {
            match write(&mut self.stream, &self.unsent) {
                Some(0) => self.full = true,
                Some(written) => drop(self.unsent.drain(..written)),
                None => return Sent::Broken,
            }
        }
        if self.full || bytes.is_empty() {
            return Sent::Packets(0);
        }
        let Some(written) = write(&mut self.stream, bytes) else { return Sent::Broken };
        if written == bytes.len() {
            return Sent::Packets(ends.len());
        }
        self.full = true;
        let whole = ends.partition_point(|end| *end <= written);
        let start = if whole == 0 { 0 } else { ends[whole - 1] };
        if written == start {
            return Sent::Packets(whole);
        }
        self.unsent.extend_from_slice(&bytes[written..ends[whole]]);
        Sent::Packets(whole + 1)
    }

    /// Sends one framed packet that may wait its turn.
    pub fn send_soon(&mut self, packet: &[u8]) -> Sent {
        match self.send(packet, &[packet.len()]) {
            Sent::Packets(0) if self.unsent.len() + packet.len() <= RESERVED => {
                self.unsent.extend_from_slice(packet);
                Sent::Packets(1)
            }
            sent => sent,
        }
    }

    /// Sends what waits.
    pub fn flush(&mut self) -> Sent {
        self.send(&[], &[])
    }
}

/// What the kernel takes of it; none: the connection is broken.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> Option<usize> {
    loop {
        match stream.write(bytes) {
            Ok(written) => return Some(written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(0),
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair() -> (Link, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, address) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let id = LinkId { index: 0, serial: 1 };
        let of_link = Peer { address, local: None, link: Some(id) };
        (Link::new(1, stream, of_link, Vec::new(), Badge::default(), Instant::now()), peer)
    }

    #[test]
    fn a_full_connection_keeps_one_packet_at_most_and_the_stream_stays_whole() {
        let (mut link, mut peer) = pair();
        let run: Vec<u8> = (0..20u8).flat_map(|n| [&framing::head(1_000)[..], &[n; 1_000]].concat()).collect();
        let ends: Vec<usize> = (1..=20).map(|n| n * 1_002).collect();
        let mut sent = Vec::new();
        let mut stalled = 0;
        // A peer that stops reading, and goes on twice.
        while stalled < 3 {
            let Sent::Packets(count) = link.send(&run, &ends) else { panic!("broken") };
            sent.extend((0..count).map(|n| n as u8));
            assert!(link.unsent.len() < 1_002);
            if count < 20 {
                assert_eq!((link.has_room(), link.send(&run, &ends)), (false, Sent::Packets(0)));
                stalled += 1;
                let mut take = vec![0; 1_002];
                for _ in 0..sent.len() / 2 {
                    peer.read_exact(&mut take).unwrap();
                    assert_eq!((&take[..2], take[2], take[1_001]), (&framing::head(1_000)[..], sent[0], sent[0]));
                    sent.remove(0);
                }
                assert!(link.writable() && !link.writable());
            }
        }
        drop(peer);
        let broken = (0..1_000).any(|_| link.send(&run, &ends) == Sent::Broken || !link.writable());
        assert!(broken);
    }

    #[test]
    fn a_full_connection_still_answers() {
        let (mut link, mut peer) = pair();
        let media = [&framing::head(1_000)[..], &[7; 1_000]].concat();
        while link.send(&media, &[media.len()]) == Sent::Packets(1) && link.has_room() {}
        let answer = [&framing::head(100)[..], &[9; 100]].concat();
        let waiting = (0..100).take_while(|_| link.send_soon(&answer) == Sent::Packets(1)).count();
        assert!((10..=40).contains(&waiting), "{waiting}");
        let mut seen = 0;
        while seen < waiting {
            let mut head = [0; 2];
            peer.read_exact(&mut head).unwrap();
            let mut packet = vec![0; usize::from(u16::from_be_bytes(head))];
            peer.read_exact(&mut packet).unwrap();
            assert!(packet == [7; 1_000] && seen == 0 || packet == [9; 100]);
            seen += usize::from(packet[0] == 9);
            link.writable();
            assert_eq!(link.flush(), Sent::Packets(0));
        }
    }

    #[test]
    fn what_was_cut_is_put_together_and_the_end_is_told_after_all_frames() {
        let (mut link, mut peer) = pair();
        let mut buffer = vec![0; 4_096];
        assert_eq!(link.read(&mut buffer).unwrap(), (0, false));
        peer.write_all(&[0, 3, 7]).unwrap();
        assert_eq!(link.read(&mut buffer).unwrap(), (3, false));
        link.keep(&buffer[..3]);
        peer.write_all(&[8, 9, 0]).unwrap();
        assert_eq!(link.read(&mut buffer).unwrap(), (6, false));
        assert_eq!(buffer[..6], [0, 3, 7, 8, 9, 0]);
        link.keep(&[0, 1, 5]);
        drop(peer);
        assert_eq!(link.read(&mut buffer).unwrap(), (3, true), "a frame that was handed over is not lost");
        link.keep(&[0]);
        assert_eq!(link.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
