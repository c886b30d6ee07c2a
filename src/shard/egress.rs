//! The shard's way out: packets are written into the outbox, which is sent whenever it is full or the turn ends.

use super::socket::{Outbox, Peer, Socket};

/// A socket with its outbox.
pub struct Egress {
    socket: Socket,
    outbox: Outbox,
    /// Slot and packets of each message that the kernel did not take, since the last `take_drops`.
    drops: Vec<(u32, usize)>,
    pub packets: u64,
    pub bytes: u64,
}

impl Egress {
    pub fn new(socket: Socket) -> Self {
        Egress { socket, outbox: Outbox::default(), drops: Vec::new(), packets: 0, bytes: 0 }
    }

    /// Lets `write` fill a packet for a peer; it returns the length, or 0 to send nothing.
    #[inline]
    pub fn packet(&mut self, peer: &Peer, slot: u32, write: impl FnOnce(&mut [u8]) -> usize) {
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
