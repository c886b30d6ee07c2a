//! The WebRTC media plane: shards that own sockets and sessions, receive, and fan out.

mod adapt;
pub mod adaptation;
mod census;
mod clock;
mod continuation;
mod egress;
mod fanout;
mod feedback;
mod ice;
mod inbox;
mod ladder;
mod lane;
mod layer;
mod numbered;
mod publisher;
mod received;
mod remb;
mod session;
mod sessions;
mod slot;
mod socket;
mod sources;
mod start;
mod switch;
mod timeline;
mod track;
mod viewer;
mod wish;
mod worker;

pub use census::{NoRoom, SessionLimits, client_network};
pub use ice::{IceCredentials, IceRestart};
pub use session::{Action, ClientInfo, CloseReason, NewSession, Role, Session, SessionId, SessionState, SessionStats};
pub use sessions::{Doors, SessionError, Sessions};
pub use start::{ShardOptions, Shards, StartError, ping};
pub use wish::{Given, Why, Wish};
