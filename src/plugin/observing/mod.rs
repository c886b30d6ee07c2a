//! The hook `observer`: events and figures of tracks reach a plugin in batches, by a task of its own, off every other path.

mod backoff;
mod exposition;
mod figures;
mod post;
mod rates;
mod task;
mod wants;
mod wire;

pub(super) use exposition::render;
pub use figures::ObserverStatus;
pub(super) use post::Post;
pub use rates::TrackRates;
pub(super) use task::{Observer, start};
pub use wants::Wants;
pub(super) use wire::{event, track};

/// Which of its interfaces a generation has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observes {
    pub events: bool,
    pub stats: bool,
    pub sampling: bool,
}

impl Observes {
    /// Whether it is called at all.
    pub fn any(self) -> bool {
        self.events || self.stats || self.sampling
    }
}
