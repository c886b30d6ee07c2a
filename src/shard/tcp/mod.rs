//! ICE-TCP (RFC 6544): connections on the media port for peers that get no UDP through. A connection carries the packets that
//! datagrams carry, framed; the kernel's send buffer is its queue.

mod backlog;
mod doorman;
mod link;
mod links;
mod strangers;
mod turn;

pub use backlog::drain;
pub use doorman::Doorman;
pub use link::{Handover, LinkId};
pub use links::Links;
