//! Keys and values that outlive instances and generations. Needs the grant `kv` in the operator's manifest.
//!
//! Keys are 1 to 512 bytes, values up to 64 KiB. All instances of the plugin share one space. The functions ending in
//! `_for` give the entry a lifetime; without it an entry stays until it is removed.

use crate::bindings::host::kv;
use crate::host_error::HostError;
use crate::sandbox;
use crate::units::whole_milliseconds;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

type Result<T> = std::result::Result<T, HostError>;

/// The value, or none when absent or expired.
///
/// # Errors
/// `denied` without the grant, `invalid` for a bad key, `unavailable`.
pub fn get(key: &str) -> Result<Option<Vec<u8>>> {
    sandbox::only("kv");
    Ok(kv::get(key)?)
}

/// As [`get`], for text. Bytes that are no UTF-8 are replaced.
///
/// # Errors
/// As for [`get`].
pub fn get_text(key: &str) -> Result<Option<String>> {
    Ok(get(key)?.map(|bytes| String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into())))
}

/// As [`get`], for what [`put_json`] stored. None too when it is no such JSON.
///
/// # Errors
/// As for [`get`].
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>> {
    Ok(get(key)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Sets the value.
///
/// # Errors
/// As for [`get`], and `too-large`, `quota`.
pub fn put(key: &str, value: impl AsRef<[u8]>) -> Result<()> {
    sandbox::only("kv");
    Ok(kv::put(key, value.as_ref(), None)?)
}

/// Sets the value for a time.
///
/// # Errors
/// As for [`put`].
pub fn put_for(key: &str, value: impl AsRef<[u8]>, lifetime: Duration) -> Result<()> {
    sandbox::only("kv");
    Ok(kv::put(key, value.as_ref(), Some(whole_milliseconds(lifetime)))?)
}

/// Sets the value to what serde makes of it.
///
/// # Errors
/// As for [`put`], and `invalid` for what JSON can not hold.
pub fn put_json(key: &str, value: &impl Serialize, lifetime: Option<Duration>) -> Result<()> {
    sandbox::only("kv");
    let bytes = serde_json::to_vec(value).map_err(|error| HostError::invalid(error.to_string()))?;
    Ok(kv::put(key, &bytes, lifetime.map(whole_milliseconds))?)
}

/// Removes the entry. Well done too when there was none.
///
/// # Errors
/// As for [`get`].
pub fn remove(key: &str) -> Result<()> {
    sandbox::only("kv");
    Ok(kv::remove(key)?)
}

/// Adds atomically and gives the sum. An absent entry counts as 0.
///
/// # Errors
/// As for [`put`], and `invalid` when the value is no number or the sum overflows.
pub fn increment(key: &str, delta: i64) -> Result<i64> {
    sandbox::only("kv");
    Ok(kv::increment(key, delta, None)?)
}

/// As [`increment`]; an entry that this call creates lives for a time.
///
/// # Errors
/// As for [`increment`].
pub fn increment_for(key: &str, delta: i64, lifetime: Duration) -> Result<i64> {
    sandbox::only("kv");
    Ok(kv::increment(key, delta, Some(whole_milliseconds(lifetime)))?)
}

/// Sets the value if the present one equals `expected` (none: if absent). False when it did not, and nothing changed.
///
/// # Errors
/// As for [`put`].
pub fn compare_and_set(
    key: &str,
    expected: Option<&[u8]>,
    value: impl AsRef<[u8]>,
    lifetime: Option<Duration>,
) -> Result<bool> {
    sandbox::only("kv");
    Ok(kv::compare_and_set(key, expected, value.as_ref(), lifetime.map(whole_milliseconds))?)
}
