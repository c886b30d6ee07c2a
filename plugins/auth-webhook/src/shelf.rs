//! Answers that are kept for a while, where all instances find them.

use crate::answer::{Answer, Shared};
use wasmcast_plugin::prelude::*;

/// An answer that was kept.
#[derive(Deserialize, Serialize)]
pub struct Kept {
    pub answer: Answer,
    /// Until when the endpoint need not be asked: seconds since 1970.
    until: u64,
}

impl Kept {
    /// Whether it serves without asking.
    pub fn is_fresh(&self, now: u64) -> bool {
        now < self.until
    }
}

/// Where the answer to a question of this URL is. Nothing of the question can be read from it.
pub fn place(url: &str, question: &str) -> String {
    let digest = crypto::sha256(format!("{url}\n{question}"));
    digest.iter().fold("answer ".to_owned(), |place, byte| format!("{place}{byte:02x}"))
}

/// What is there.
///
/// # Errors
/// When the store does not answer.
pub fn find(place: &str) -> Result<Option<Kept>> {
    kv::get_json(place).context("look for an answer")
}

/// Keeps an answer for as long as the endpoint allows. Without room it is asked again next time.
pub fn put(place: &str, answer: &Answer, shared: Shared, now: u64) {
    let lifetime = shared.fresh + shared.if_error;
    if lifetime == 0 {
        return;
    }
    let kept = Kept { answer: answer.clone(), until: now + shared.fresh };
    if let Err(error) = kv::put_json(place, &kept, Some(seconds(lifetime))) {
        warn!("an answer can not be kept"; error);
    }
}
