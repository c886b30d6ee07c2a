//! RTP (RFC 3550): parsing and writing of headers in place, and arithmetic on sequence numbers and timestamps.

mod header;
mod rtx;
mod sequence_map;
mod unwrap;
mod write;

pub use header::{Extensions, Header};
pub use rtx::{rtx_original, write_rtx_prefix};
pub use sequence_map::SequenceMap;
pub use unwrap::{SequenceUnwrapper, TimestampUnwrapper};
pub use write::{ExtensionValue, HeaderFields, header_len, write_header};

/// Why bytes are no RTP packet, or why one could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("an RTP packet of {len} bytes ends inside its header")]
    Truncated { len: usize },
    #[error("RTP version {version}, expected 2")]
    Version { version: u8 },
    #[error("RTP padding of {padding} bytes does not fit a payload of {payload}")]
    Padding { padding: u8, payload: usize },
    #[error("an RTP header of {needed} bytes does not fit a buffer of {room}")]
    NoRoom { needed: usize, room: usize },
}
