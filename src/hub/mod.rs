//! The hub: streams by name, their publishers and subscribers. It names no protocol and owns no socket.

mod claim;
mod layers;
mod memory;
mod registry;
mod rendition;
mod repairs;
mod resume;
mod ring;
mod stream;
mod telling;

pub use layers::{LayerTable, Thinned, ladder};
pub use registry::{Hub, HubLimits, PublishError};
pub use rendition::Rendition;
pub use repairs::Repairs;
pub use resume::{Over, Ticket};
pub use ring::{Ring, RingLimits};
pub use stream::{
    Batch, KeyframeWaker, Liveness, Publisher, Sink, Stream, StreamKey, StreamStats, Subscription, TrackClock,
    ViewerGuard,
};
