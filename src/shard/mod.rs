//! The WebRTC media plane: shards that own sockets and sessions, receive, and fan out.

mod inbox;
mod sessions;
mod socket;

pub use sessions::{
    Action, ClientInfo, CloseReason, IceCredentials, IceRestart, NewSession, Role, Session, SessionError, SessionId,
    SessionState, SessionStats, Sessions,
};
