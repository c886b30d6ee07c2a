//! Protocols as bytes and state machines: fed input and time, drained of output. No sockets, no clock.

pub mod bitstream;
pub mod container;
pub mod fmp4;
pub mod webrtc;
