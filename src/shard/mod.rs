//! The WebRTC media plane: shards that own sockets and sessions, receive, and fan out.

mod clock;
mod egress;
mod fanout;
mod feedback;
mod inbox;
mod lane;
mod publisher;
mod received;
mod sessions;
mod slot;
mod socket;
mod start;
mod timeline;
mod viewer;
mod worker;

pub use sessions::{
    Action, ClientInfo, CloseReason, IceCredentials, IceRestart, NewSession, Role, Session, SessionError, SessionId,
    SessionState, SessionStats, Sessions,
};
pub use start::{ShardOptions, Shards, StartError, ping};
