//! Media work that runs beside the forwarding: streams that the server makes itself.

pub mod demo;
