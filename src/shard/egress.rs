//! The shard's way out: datagrams are written into the outbox, which is sent whenever it is full or the turn ends; what goes by
//! TCP goes at once.

use super::socket::{Outbox, Peer, Socket};
use super::tcp::{LinkId, Links};

/// A socket with its outbox, and the TCP connections.
pub struct Egress {
    socket: Socket,
    outbox: Outbox,
    pub links: Links,
    /// Slot and packets of each message that the kernel did not take, since the last `take_drops`.
    drops: Vec<(u32, usize)>,
    pub packets: u64,
    pub bytes: u64,
}

impl Egress {
    pub fn new(socket: Socket, links: Links) -> Self {
        Egress { socket, outbox: Outbox::default(), links, drops: Vec::new(), packets: 0, bytes: 0 }
    }

    /// Lets `write` fill a packet for a peer; it returns the length, or 0 to send nothing.
    #[inline]
    pub fn packet(&mut self, peer: &Peer, slot: u32, write: impl FnOnce(&mut [u8]) -> usize) {
        if let Some(link) = peer.link {
            return self.packet_by_tcp(link, slot, write);
        }
        if self.outbox.is_full(1) {
            self.flush();
        }
        let mut length = 0;
        self.outbox.packet(peer, slot, |room| {
            length = write(room);
            length
        });
        self.packets += u64::from(length > 0);
        self.bytes += length as u64;
    }

    /// One packet of its own on a connection. Where that is full the packet is dropped, as it would be on a full network.
    fn packet_by_tcp(&mut self, link: LinkId, slot: u32, write: impl FnOnce(&mut [u8]) -> usize) {
        let (length, sent) = self.links.packet(link, write);
        if sent {
            self.packets += 1;
            self.bytes += length as u64;
        } else if length > 0 {
            self.dropped(slot, 1);
        }
    }

    /// Counts packets that a peer's path did not take.
    pub fn dropped(&mut self, slot: u32, packets: usize) {
        self.drops.push((slot, packets));
    }

    /// Queues a finished datagram. One that is longer than any of ours is not sent.
    pub fn datagram(&mut self, peer: &Peer, slot: u32, data: &[u8]) {
        self.packet(peer, slot, |room| match room.get_mut(..data.len()) {
            Some(room) => {
                room.copy_from_slice(data);
                data.len()
            }
            None => 0,
        });
    }

    /// Sends what is queued.
    pub fn flush(&mut self) {
        if !self.outbox.is_empty() {
            let drops = &mut self.drops;
            self.socket.send(&mut self.outbox, |slot, packets| drops.push((slot, packets)));
        }
    }

    /// What was dropped since the last call.
    pub fn take_drops(&mut self) -> Vec<(u32, usize)> {
        std::mem::take(&mut self.drops)
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }
}
