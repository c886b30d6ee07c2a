//! How many connections a listener holds, in all and from one address.

use crate::shard::client_network;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Admission {
    slots: Arc<Semaphore>,
    per_address: u32,
    held: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// A place among the connections, given back by drop.
pub(super) struct Place {
    _slot: OwnedSemaphorePermit,
    counted: Option<IpAddr>,
    held: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

impl Admission {
    /// `total` at most, of them `per_address` from one address.
    pub(super) fn new(total: usize, per_address: u32) -> Admission {
        Admission { slots: Arc::new(Semaphore::new(total)), per_address, held: Arc::default() }
    }

    /// Waits until another connection can be taken. Until then clients wait in the kernel's backlog.
    pub(super) async fn slot(&self) -> OwnedSemaphorePermit {
        self.slots.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    /// A place for a connection from this address; none when it holds too many. Addresses that stand for many clients
    /// (`shared`: trusted proxies) and this machine itself are not counted.
    pub(super) fn place(&self, slot: OwnedSemaphorePermit, peer: IpAddr, shared: bool) -> Option<Place> {
        let peer = client_network(peer);
        let counted = (!shared && !peer.is_loopback()).then_some(peer);
        if let Some(peer) = counted {
            let mut held = self.held.lock().expect("no holder of this lock panics");
            let count = held.entry(peer).or_insert(0);
            if *count >= self.per_address {
                return None;
            }
            *count += 1;
        }
        Some(Place { _slot: slot, counted, held: self.held.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(peer) = self.counted else { return };
        let mut held = self.held.lock().expect("no holder of this lock panics");
        if let Entry::Occupied(mut entry) = held.entry(peer) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn one_address_can_not_take_all_places() {
        let admission = Admission::new(5, 2);
        let place = |peer: &str, shared| {
            let slot = admission.slot().now_or_never().expect("a slot is free");
            admission.place(slot, peer.parse().unwrap(), shared)
        };
        let first = place("192.0.2.1", false).unwrap();
        let _second = place("::ffff:192.0.2.1", false).unwrap();
        assert!(place("192.0.2.1", false).is_none());
        let _proxy = place("192.0.2.1", true).unwrap();
        drop(first);
        let _again = place("192.0.2.1", false).unwrap();
        let v6 = place("2001:db8::1", false).unwrap();
        let neighbour = place("2001:db8::2", false).unwrap();
        assert!(admission.slot().now_or_never().is_none(), "all five are taken");
        drop(neighbour);
        let other = place("2001:db8:0:1::1", false).unwrap();
        drop((v6, other));
        let _locals: Vec<_> = (0..2).map(|_| place("127.0.0.1", false).unwrap()).collect();
        assert_eq!(admission.held.lock().unwrap().len(), 1, "only who holds places is remembered");
    }
}
