//! Points in time as text, for the answers of this module.

pub(super) use crate::media::{civil, rfc3339};
