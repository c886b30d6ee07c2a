//! The handles that guests hold: making one never fails, and what is not there is no error.

use crate::plugin::guest::Guest;
use wasmtime::component::Resource;

/// Given out when the table is full; it is in no table, so it does nothing.
const NOWHERE: u32 = u32::MAX;

impl Guest {
    /// A handle for a guest.
    pub(super) fn keep<T: Send + 'static>(&mut self, thing: T) -> Resource<T> {
        self.table.push(thing).unwrap_or_else(|_| Resource::new_own(NOWHERE))
    }

    /// What a guest gives back.
    pub(super) fn take<T: 'static>(&mut self, handle: Resource<T>) -> Option<T> {
        self.table.delete(handle).ok()
    }
}
