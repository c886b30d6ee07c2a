//! The configuration file: any content is taken or refused in words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmcast::config::Sources;

fuzz_target!(|data: &[u8]| {
    if let Err(error) = Sources::new(None, Vec::new(), Vec::new()).load_content(Some(data.to_vec())) {
        assert!(!error.to_string().is_empty());
    }
});
