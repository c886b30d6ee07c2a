//! The plugin directory: which plugins are there, and when their files have come to rest.

mod look;
mod scanner;
mod watch;

pub use look::Stamp;
pub use scanner::{MOVING, Sight};
pub use watch::Watch;

/// Whether a text can name a plugin: `[a-z0-9][a-z0-9-]{0,63}`.
pub fn is_plugin_name(text: &str) -> bool {
    let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(valid)
}
