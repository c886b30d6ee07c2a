//! Ends streams whose publishers were lost and did not come back in time.

use crate::hub::Hub;
use std::time::Instant;

/// Runs until it is dropped.
pub(super) async fn run(hub: Hub) {
    let mut changes = hub.changes();
    loop {
        changes.mark_unchanged();
        let next = hub.expire(Instant::now());
        let due = async {
            match next {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            result = changes.changed() => {
                if result.is_err() {
                    return;
                }
            }
            () = due => {}
        }
    }
}
