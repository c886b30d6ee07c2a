//! Values that every layer shares: names, codecs, tracks, frames, packets and token buckets. No I/O, no clock.

mod bucket;
mod codec;
mod frame;
mod layer;
mod name;
mod packet;
mod pattern;
mod plain;
mod time;
mod timestamp;
mod track;

pub use bucket::{Bucket, Pace};
pub use codec::{Codec, MediaKind};
pub use frame::Frame;
pub use layer::{LayerId, MAX_LAYERS, Upward};
pub use name::{InvalidStreamName, StreamName};
pub use packet::{Packet, PacketFlags};
pub use pattern::{InvalidPattern, Pattern};
pub use plain::{one_line, plain, turns_text};
pub use time::{NtpTime, wall_clock};
pub use timestamp::{civil, rfc3339};
pub use track::{TrackInfo, TrackSet};
