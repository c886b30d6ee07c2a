//! The WebRTC media plane: shards that own sockets and sessions, receive, and fan out.

mod sessions;

pub use sessions::{
    Action, ClientInfo, CloseReason, NewSession, Session, SessionId, SessionState, SessionStats, Sessions,
};
