//! The interface `kv`: the space that the operator granted, checked and bounded.

use super::refusal::{Code, refuse};
use super::space::{Space, Unwritten};
use super::wit::kv::Host;
use super::wit::types::HostError;
use crate::plugin::guest::Guest;
use std::sync::Arc;
use std::time::Duration;

/// Longest key, in bytes.
const MAX_KEY: usize = 512;
/// Longest value, in bytes.
const MAX_VALUE: usize = 64 << 10;

/// The space, its quota in bytes, and the time.
type Granted = (Arc<Space>, usize, Duration);

impl Host for Guest {
    fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, HostError> {
        let (space, _, now) = self.granted(&key)?;
        Ok(space.get(now, &key))
    }

    fn put(&mut self, key: String, value: Vec<u8>, ttl_ms: Option<u32>) -> Result<(), HostError> {
        let (space, quota, now) = self.granted(&key)?;
        checked(&key, &value)?;
        space.put(now, &key, value, lifetime(ttl_ms), quota).map_err(|why| unwritten(&key, why, quota))
    }

    fn remove(&mut self, key: String) -> Result<(), HostError> {
        let (space, _, now) = self.granted(&key)?;
        space.remove(now, &key);
        Ok(())
    }

    fn increment(&mut self, key: String, delta: i64, ttl_ms: Option<u32>) -> Result<i64, HostError> {
        let (space, quota, now) = self.granted(&key)?;
        space.increment(now, &key, delta, lifetime(ttl_ms), quota).map_err(|why| unwritten(&key, why, quota))
    }

    fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
        ttl_ms: Option<u32>,
    ) -> Result<bool, HostError> {
        let (space, quota, now) = self.granted(&key)?;
        checked(&key, &value)?;
        space
            .compare_and_set(now, &key, expected.as_deref(), value, lifetime(ttl_ms), quota)
            .map_err(|why| unwritten(&key, why, quota))
    }
}

impl Guest {
    fn granted(&self, key: &str) -> Result<Granted, HostError> {
        let context = &self.context;
        let Some(grant) = &context.grants.kv else {
            return Err(refuse(
                Code::Denied,
                "kv is not granted; the operator allows it with `kv = {}` under [grants]",
            ));
        };
        if key.is_empty() || key.len() > MAX_KEY {
            let message = format!("a key of {} bytes; keys are 1 to {MAX_KEY} bytes", key.len());
            return Err(refuse(Code::Invalid, message));
        }
        let services = &context.services;
        Ok((services.spaces.space(&grant.space), grant.max_bytes, services.clock.now()))
    }
}

fn checked(key: &str, value: &[u8]) -> Result<(), HostError> {
    if value.len() <= MAX_VALUE {
        return Ok(());
    }
    let message = format!("a value of {} bytes for `{}`; at most {MAX_VALUE} are kept", value.len(), shown(key));
    Err(refuse(Code::TooLarge, message))
}

fn lifetime(ttl_ms: Option<u32>) -> Option<Duration> {
    ttl_ms.map(|ms| Duration::from_millis(ms.into()))
}

fn unwritten(key: &str, why: Unwritten, quota: usize) -> HostError {
    let key = shown(key);
    match why {
        Unwritten::Full => {
            let message = format!("no room for `{key}` in {quota} bytes; set lifetimes, or raise max-mib of the grant");
            refuse(Code::Quota, message)
        }
        Unwritten::NoNumber => refuse(Code::Invalid, format!("the value of `{key}` is no decimal number of 64 bits")),
        Unwritten::Overflow => refuse(Code::Invalid, format!("the sum at `{key}` does not fit into 64 bits")),
    }
}

/// The beginning of a key: it may hold what should not be in a log at length.
fn shown(key: &str) -> String {
    let short: String = key.chars().take(40).collect();
    short.escape_debug().to_string()
}
